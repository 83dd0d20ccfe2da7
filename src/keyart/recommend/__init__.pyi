from keyart.recommend.candidates import (
    Candidates as Candidates,
    Films as Films,
    User as User,
    find_candidates as find_candidates,
    index_space as index_space,
)
from keyart.recommend.cowatch import (
    CoWatch as CoWatch,
    co_watched as co_watched,
    concatenate_unit as concatenate_unit,
)
from keyart.recommend.interests import (
    Interest as Interest,
    event_weights as event_weights,
    find_interests as find_interests,
)
from keyart.recommend.user_profile import ProfileSpace as ProfileSpace
from keyart.utils.vectors import normalise_rows as normalise_rows
