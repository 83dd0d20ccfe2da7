from keyart.web.app import create_app as create_app
from keyart.web.library import Library as Library
from keyart.web.server import serve as serve
