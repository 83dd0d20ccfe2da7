from keyart.recommend.candidates import (
    Candidates as Candidates,
)
from keyart.recommend.candidates import (
    Films as Films,
)
from keyart.recommend.candidates import (
    Viewer as Viewer,
)
from keyart.recommend.candidates import (
    find_candidates as find_candidates,
)
from keyart.recommend.candidates import (
    index_space as index_space,
)
from keyart.recommend.cowatch import (
    CoWatch as CoWatch,
)
from keyart.recommend.cowatch import (
    co_watched as co_watched,
)
from keyart.recommend.cowatch import (
    joined as joined,
)
from keyart.recommend.interests import (
    Interest as Interest,
)
from keyart.recommend.interests import (
    event_weights as event_weights,
)
from keyart.recommend.interests import (
    find_interests as find_interests,
)
from keyart.recommend.user_profile import Space as Space
from keyart.utils.vectors import unit_rows as unit_rows
