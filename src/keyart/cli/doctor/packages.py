"""Checks of versions: Python, required packages, and optional extras."""

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from keyart.cli.doctor.finding import Finding

VersionOf = Callable[[str], str | None]


def installed_version(package: str) -> str | None:
    """Return a package's installed version from its metadata, without an import; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def python_finding(version: str | None = None) -> Finding:
    """Report whether Python is recent enough."""
    required = next(iter(_own_metadata("Requires-Python")), ">=3.11")
    version = version or platform.python_version()
    fits = SpecifierSet(required).contains(version, prereleases=True)
    return Finding(
        "Python",
        "ok" if fits else "fault",
        f"{version} ({sys.executable})",
        "" if fits else f"keyart needs Python {required}: make a virtual environment with one",
        required=True,
        values={
            "version": version,
            "required": required,
            "executable": sys.executable,
            "platform": platform.platform(),
        },
    )


def _own_metadata(field: str) -> list[str]:
    try:
        return metadata.metadata("keyart").get_all(field) or []
    except metadata.PackageNotFoundError:
        return []


def own_requirements() -> list[str] | None:
    """Return keyart's requirements; None if keyart is not installed."""
    try:
        return metadata.requires("keyart") or []
    except metadata.PackageNotFoundError:
        return None


def own_extras() -> list[str]:
    """Return the names of keyart's extras."""
    return _own_metadata("Provides-Extra")


def package_findings(
    requirements: list[str] | None, extras: Sequence[str], version_of: VersionOf = installed_version
) -> Iterator[Finding]:
    """Compare requirements with the installed packages.

    Yields:
        One finding for all required packages that are in order, one for each other one, and one for each extra.
    """
    if requirements is None:
        fix = "run pip install -e . in a clone of keyart"
        yield Finding("keyart", "absent", "used from a folder without being installed", fix, required=True)
        return
    own = version_of("keyart")
    yield Finding("keyart", "ok", str(own), required=True, values={"version": own})
    parsed = [Requirement(text) for text in requirements]
    needed = [r for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})]
    yield from _needed_findings(needed, version_of)
    for extra in extras:
        asked = [r for r in parsed if r not in needed and r.marker is not None and r.marker.evaluate({"extra": extra})]
        requested = [r for r in asked if r.name != "keyart" and not _is_faiss(r)]
        if requested:
            yield _extra_finding(extra, requested, version_of)


def _is_faiss(requirement: Requirement) -> bool:
    """Return whether a requirement is a build of FAISS; any build is sufficient, so `faiss_finding` checks them."""
    return requirement.name.startswith("faiss")


def _needed_findings(needed: list[Requirement], version_of: VersionOf) -> Iterator[Finding]:
    fine: dict[str, str] = {}
    for requirement in needed:
        if _is_faiss(requirement):
            continue
        version = version_of(requirement.name)
        if version is not None and requirement.specifier.contains(version, prereleases=True):
            fine[requirement.name] = version
            continue
        requested = f"{requirement.name}{requirement.specifier}"
        yield Finding(
            requirement.name,
            "absent" if version is None else "fault",
            "not installed" if version is None else f"{version}, but {requested} is needed",
            f"run pip install '{requested}'",
            required=True,
            values={"version": version, "required": str(requirement.specifier)},
        )
    if fine:
        found = ", ".join(f"{name} {version}" for name, version in fine.items())
        yield Finding("packages", "ok", found, required=True, values=fine)


def _extra_finding(extra: str, required: list[Requirement], version_of: VersionOf) -> Finding:
    versions = {requirement.name: version_of(requirement.name) for requirement in required}
    missing = [name for name, version in versions.items() if version is None]
    old = [
        f"{r.name} {versions[r.name]} (needs {r.specifier})"
        for r in required
        if versions[r.name] is not None and not r.specifier.contains(str(versions[r.name]), prereleases=True)
    ]
    fix = f"run pip install -e '.[{extra}]'"
    name = f"extra [{extra}]"
    if old:
        return Finding(name, "fault", ", ".join(old), fix, values=versions)
    if missing:
        have = (
            ""
            if len(missing) == len(required)
            else f" ({len(required) - len(missing)} of {len(required)} are installed)"
        )
        return Finding(name, "absent", f"without {', '.join(missing)}{have}", fix, values=versions)
    return Finding(name, "ok", ", ".join(f"{name} {version}" for name, version in versions.items()), values=versions)
