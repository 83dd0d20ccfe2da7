"""Words for titles, names and lines: all invented."""


def _list(text: str) -> tuple[str, ...]:
    """The entries of a text, parted by commas."""
    return tuple(" ".join(entry.split()) for entry in text.split(",") if entry.strip())


NOUNS: dict[str, tuple[str, ...]] = {
    "Action": _list("""
        Strike, Recoil, Fury, Velocity, Fallout Line, Iron Tide, Detonator, Red Zone, Payback Hour, Overdrive,
        Hellbound Express, Kill Switch, Thunder Pact, Last Convoy, Blackjack Unit
    """),
    "Adventure": _list("""
        Compass, Lost Meridian, Emerald Isle Run, Caravan, Sky Harbour, River of Gold, Monsoon, Summit, Coral
        Throne, Expedition, Far Lagoon, Jungle Post, Wind Atlas, Tiger Pass
    """),
    "Animation": _list("""
        Pip, Button Moon, Tumbletown, Captain Noodle, Fizz, Dot and Comma, Wobble, Zuzu, Pocket Dragon,
        Marmalade Sky, Bumble Bay, Sock Planet, Mimi Rocket, Little Thunder
    """),
    "Comedy": _list("""
        Honeymoon, Landlords, Best Mistake, In-Laws, Plan B and a Half, Wrong Wedding, Landlord, Nice Try,
        Bananas Forever, Overbooked, My Other Dentist, Cheap Tuxedo, Two Left Shoes, Room Service, Karaoke
        Widow
    """),
    "Crime": _list("""
        Alibi, Larceny, Ransom, Dead Ledger, Cold Precinct, Blood Money Blues, Informer, Safe House, Nine
        Suspects, Syndicate, Last Witness, Harbour Job, Night Clerk, Brass Knuckle Row, Double Tail
    """),
    "Documentary": _list("""
        Field Notes, Harvest, Common Ground, Archive, Salt, Testimony, Forty Winters, Glacier Years, People of
        the Delta, Signal, Census, Paper Town, Kitchen Table, Long Count, Seed Bank
    """),
    "Drama": _list("""
        Letters, Inheritance, Silence, Orchard, Winter Rooms, Daughter, Shoreline, Homecoming, Small Hours,
        Confession, Autumn House, Blue Afternoon, Quiet River, Unsent
    """),
    "Fantasy": _list("""
        Thornkeep, Moon Sorcerer, Dragonwright, Ember Crown, Silver Wood, Hollow King, Spellbound Isle,
        Starforged, Raven Queen, Eldergate, Wyrmsong, Glass Kingdom, Oath of Ash, Lantern Witch
    """),
    "Horror": _list("""
        Cellar, Whispering, Hollow, Bone Orchard, Rot, Seventh Door, Crawlspace, Skin Cold, Black Nursery,
        Dread Parish, Marrow, It Came Upstairs, Widow Lake, Teeth
    """),
    "Romance": _list("""
        Kiss, Sweetheart, Moonlit Waltz, Always Paris, Love Letters Late, Valentine Street, Tender, Two
        Hearts, Rose Season, Darling, Summer Vow, First Snow, Wedding Season, Yours Truly
    """),
    "Sci-Fi": _list("""
        Orbit, Zero Colony, Android, Quantum Gate, Star Drift, Exo, Signal Nine, Helix, Nova Station, Event
        Field, Titanfall Deep, Chrono, Machine Dawn, Vector
    """),
    "Western": _list("""
        Gunsmoke Ridge, Dust, Outlaw, Six Rivers, Saddle, Dry Creek, Rope, Lonesome Spur, Copper Canyon,
        Buffalo Wells, Sundown, Tombstone Trail, Rattlesnake, Silver Bullet Pass
    """),
}

ADJECTIVES: tuple[str, ...] = _list("""
    Last, Secret, Golden, Broken, Endless, Crimson, Silent, Wild, Second, Hidden, Distant, Burning, Forgotten,
    Electric, Velvet, Paper, Northern, Restless, Sleeping, Bitter, Crooked, Hundredth
""")

PLACES: tuple[str, ...] = _list("""
    Marrowby, Calder Bay, Santa Oriel, Port Vesper, Kestrel Point, Lower Quay, Bellhaven, Ashgrove, Montclair
    Street, the Valley, Tomorrow, the North, Nowhere, Midnight, August, Dunmore
""")

TAGLINES: dict[str, tuple[str, ...]] = {
    "Action": ("No time. No mercy. No brakes.", "This ends loud.", "Run first. Explain later."),
    "Adventure": ("The map was only the beginning.", "Beyond the edge lies everything.", "Go further."),
    "Animation": ("Small hero. Big trouble.", "Fun for every size!", "Get ready to bounce."),
    "Comedy": ("They had one job.", "Love thy neighbour. Quietly.", "It was funny at the time."),
    "Crime": ("Everybody talks. Eventually.", "The truth costs extra.", "One city. No witnesses."),
    "Documentary": ("A true story about all of us.", "Look again.", "Ten years in the making."),
    "Drama": ("Some doors never close.", "What we leave behind.", "Every family keeps a secret."),
    "Fantasy": ("Magic remembers.", "The crown will choose.", "Believe in the dark."),
    "Horror": ("Do not answer it.", "It has your voice.", "Sleep is not safe."),
    "Romance": ("Fall slowly.", "Two strangers. One summer.", "Say it before the train leaves."),
    "Sci-Fi": ("We were not the first.", "The future is already late.", "Out there, something counts."),
    "Western": ("The law rides alone.", "Dust settles all debts.", "One town. One bullet."),
}

FIRST_NAMES: tuple[str, ...] = _list("""
    Anya, Tomas, Odile, Marek, Imogen, Rafe, Lucia, Bertil, Naima, Cosmo, Greta, Idris, Pilar, Soren, Vesna, Otis,
    Mirela, Jonas, Thandi, Emeric, Wanda, Piers, Noor, Caspian
""")

LAST_NAMES: tuple[str, ...] = _list("""
    Vossberg, Lindqvist, Okaro, Halloran, Petrescu, Marchetti, Dunwood, Asante, Kowalczyk, Ferreiro, Tanaka-Bell,
    Whitlock, Rasmund, Delacour, Nakagawa, Ostrow, Quillfeather, Brandvold, Sarkany, Moreau-Lim, Abernethy,
    Zelinsky, Cortazar, Winterbourne
""")

STUDIOS: tuple[str, ...] = _list("""
    Northlight Pictures, Paper Lantern Films, Meridian & Sons, Owl Street, Grand Aurora, Tin Horse, Blue Ferry,
    Second Reel
""")

FRANCHISES: tuple[str, ...] = _list("""
    Halcyon, Vandermeer, Blackwater, Orpheus, Kestrel, Lazarus, Monarch, Sable, Equinox, Juniper, Argent,
    Tamarind, Ravel, Cordelia, Bastion, Osprey
""")
