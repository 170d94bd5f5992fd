"""What the example's pages have in common."""

from __future__ import annotations

import re

import pytest

from atilite.testing.client import Client
from tests.services.conftest import Open

PAGES = ("/", "/board", "/rates", "/notes")


@pytest.mark.row("A15", "A21")
def test_every_page_links_to_all_the_others_and_says_where_one_is(opened: Open) -> None:
    client = Client(opened())

    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200
        for other in PAGES:
            assert f'href="{other}"' in answer.text
        assert re.findall(r'href="([^"]*)" aria-current="page"', answer.text) == [page]


def test_every_link_of_a_page_leads_somewhere(opened: Open) -> None:
    client = Client(opened())

    links = {link for page in PAGES for link in re.findall(r'(?:href|src)="([^"]*)"', client.get(page).text)}

    assert "/static/board.css" in links
    assert "/console/" in links
    broken = {link: client.get(link).status_code for link in links}
    assert {link: code for link, code in broken.items() if code not in (200, 302)} == {}
