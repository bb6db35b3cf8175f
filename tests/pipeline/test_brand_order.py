"""The brands of settings come first; a former one comes last, or not at all."""

from __future__ import annotations

from pathlib import Path

from factories import NOW, about, batch, mention

from earful.settings.load import load
from earful.types import Brand, Query
from pipeline.brand_order import is_former, order_brands
from storage.collecting import ingest
from storage.database.engine import Database
from storage.entities import brands

SETTINGS = """
[[brand]]
name = "Zeta"

[[brand]]
name = "Acme"
competitors = ["Rival"]
"""


def test_former_brands_come_last_or_not_at_all(db: Database, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    settings = load(file)
    former = [Brand(id="aaa-demo", name="AAA Demo"), Brand(id="bbb-old", name="BBB Old")]
    brands.sync(db, [*former, *settings.brands()])
    assert [brand.name for brand in order_brands(db, settings)] == ["Zeta", "Acme", "Rival"]
    query = Query(id="rss/bbb-old", brand_id="bbb-old", source="rss", any_of=("x",))
    ingest.store(db, query, batch(mention(1)), about("bbb-old"), NOW)
    ordered = order_brands(db, settings)
    assert [brand.name for brand in ordered] == ["Zeta", "Acme", "Rival", "BBB Old"]
    assert [is_former(brand, settings) for brand in ordered] == [False, False, False, True]
