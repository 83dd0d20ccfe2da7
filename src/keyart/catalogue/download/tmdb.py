"""Poster lookup by IMDb id at TMDB."""

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

from keyart.catalogue.download.failure import RequestError
from keyart.catalogue.download.http_client import Client
from keyart.errors import InputError

API = "https://api.themoviedb.org/3"
KINDS = ("movie_results", "tv_results", "tv_season_results", "tv_episode_results")

_SIZE = re.compile(r"w(\d+)")
_PATH = re.compile(r"/[A-Za-z0-9_-]+\.[A-Za-z0-9]+")
_KEY = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_.=-]{20,}")


class Tmdb:
    """TMDB client that finds poster URLs with the user's own key.

    The key is sent only to TMDB's API, where no redirect is followed.

    Args:
        client: The HTTP client.
        key: An API key (32 hexadecimal digits) or an API read access token; it is never logged or saved.
        width: Required width in pixels; the smallest available size of at least this width is used.
        api: The API's address.

    Raises:
        InputError: ``key`` is neither an API key nor an access token.
    """

    def __init__(self, client: Client, key: str, width: int = 500, api: str = API) -> None:
        self._query, self._headers = "", {}
        if _KEY.fullmatch(key):
            self._query = f"api_key={key}"
        elif _TOKEN.fullmatch(key):
            self._headers = {"Authorization": f"Bearer {key}"}
        else:
            raise InputError(
                "TMDB_API_KEY: neither an API key of 32 hexadecimal digits nor a read access token; copy one of them "
                "from your account's settings at TMDB"
            )
        self._client, self._width, self._api = client, width, api
        self._base: str | None = None
        self._opening = asyncio.Lock()

    async def poster_url(self, imdb_id: str) -> str:
        """Return the URL of the poster of a film or series.

        Args:
            imdb_id: ``tt`` and digits.

        Raises:
            RequestError: TMDB has no poster, or does not answer.
            InputError: TMDB rejects the key.
        """
        async with self._opening:
            if self._base is None:
                self._base = self._poster_base(await self._ask("configuration"))
        found = await self._ask(f"find/{quote(imdb_id, safe='')}", "external_source=imdb_id")
        for kind in KINDS:
            results = found.get(kind)
            for result in results if isinstance(results, list) else ():
                path = (result.get("poster_path") or result.get("still_path")) if isinstance(result, dict) else None
                if isinstance(path, str) and _PATH.fullmatch(path):
                    return self._base + path
        raise RequestError(f"TMDB has no poster of {imdb_id}")

    async def _ask(self, what: str, query: str = "") -> dict[str, Any]:
        url = f"{self._api}/{what}"
        both = "&".join(filter(None, (query, self._query)))
        try:
            body = await self._client.get(f"{url}?{both}" if both else url, headers=self._headers, redirects=0)
            found = json.loads(body)
        except RequestError as failure:
            if failure.status in (401, 403):
                raise InputError(f"TMDB_API_KEY: TMDB refuses the key (HTTP {failure.status}); check it") from None
            failure.reason = f"TMDB: {failure.reason}"
            raise
        except ValueError:
            raise RequestError("TMDB: an answer that is not JSON", temporary=True) from None
        if not isinstance(found, dict):
            raise RequestError("TMDB: an answer of unknown form")
        return found

    def _poster_base(self, configuration: dict[str, Any]) -> str:
        images = configuration.get("images")
        images = images if isinstance(images, dict) else {}
        base, sizes = images.get("secure_base_url"), images.get("poster_sizes")
        if not isinstance(base, str) or not isinstance(sizes, list):
            raise RequestError("TMDB: a configuration of unknown form")
        offered = [int(match[1]) for size in sizes if (match := _SIZE.fullmatch(str(size)))]
        wide = [width for width in offered if width >= self._width]
        return f"{base.rstrip('/')}/{f'w{min(wide)}' if wide else 'original'}"
