from keyart.recommend.candidates import (
    Candidates as Candidates,
)
from keyart.recommend.candidates import (
    Films as Films,
)
from keyart.recommend.candidates import (
    User as User,
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
    concatenate_unit as concatenate_unit,
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
from keyart.recommend.user_profile import ProfileSpace as ProfileSpace
from keyart.utils.vectors import normalise_rows as normalise_rows
