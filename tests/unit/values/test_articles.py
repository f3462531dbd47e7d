import pytest

from spane.model.articles import with_article


@pytest.mark.parametrize(
    "spoken",
    [
        *("an object", "a lock", "a _thread.lock", "an Order", "an int", "an asyncio.locks.Lock"),
        *("a User", "a UUID", "a Union", "an Unknown", "a OneToOne", "an HTTPResponse", "an SSLSocket", "an MP3"),
        *("a PNG", "a Unit", "an Umbrella", "an Animal", "a set", "an uninitialised", "an IPv4Address", "a European"),
    ],
)
def test_a_name_has_the_article_it_is_spoken_with(spoken):
    assert spoken == with_article(spoken.partition(" ")[2])
