"""Where relative paths are."""

from __future__ import annotations

from analyzer.trace.whereabouts import AT_FDCWD, LINEAGE_MAX, Whereabouts


def test_absolute__leaves_an_absolute_path() -> None:
    assert Whereabouts().absolute(1, AT_FDCWD, "/etc/x") == "/etc/x"


def test_absolute__does_not_guess() -> None:
    assert Whereabouts().absolute(1, AT_FDCWD, "x") is None
    assert Whereabouts().absolute(1, 5, "x") is None


def test_absolute__joins_working_directory_and_descriptor() -> None:
    places = Whereabouts()
    places.moved(1, "/home")
    places.opened(1, 5, "/srv/")
    assert places.absolute(1, AT_FDCWD, "x") == "/home/x"
    assert places.absolute(1, 5, "../x") == "/srv/../x"


def test_absolute__a_descriptor_with_a_relative_path_is_not_known() -> None:
    places = Whereabouts()
    places.opened(1, 5, "somewhere")
    assert places.absolute(1, 5, "x") is None


def test_moved__to_where_nobody_knows_forgets() -> None:
    places = Whereabouts()
    places.moved(1, "/home")
    places.moved(1, "somewhere")
    assert places.absolute(1, AT_FDCWD, "x") is None


def test_forked__children_stand_where_their_parent_stood_then() -> None:
    places = Whereabouts()
    places.moved(1, "/one")
    places.opened(1, 5, "/five")
    places.forked(1, 2)
    places.moved(1, "/two")
    assert places.absolute(2, AT_FDCWD, "x") == "/one/x"
    assert places.absolute(2, 5, "x") == "/five/x"


def test_forked__a_pid_that_is_used_again_begins_anew() -> None:
    places = Whereabouts()
    places.moved(2, "/old")
    places.opened(2, 5, "/five")
    places.forked(1, 2)
    assert places.absolute(2, AT_FDCWD, "x") is None
    assert places.absolute(2, 5, "x") is None


def test_of_descriptor__a_circle_of_pids_ends() -> None:
    places = Whereabouts()
    places.forked(1, 2)
    places.forked(2, 1)
    assert places.of_descriptor(1, 3) is None
    assert LINEAGE_MAX < 1000
