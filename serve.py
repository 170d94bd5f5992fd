"""Start the example: `python serve.py --devel`, then open http://127.0.0.1:5000."""

import atilite
import services

if __name__ == "__main__":
    with atilite.preference() as pref:
        pref.set_static("/static", "static")
        # What the services find in app.config; atilite.toml may say otherwise, below [config].
        pref.config.WATCHED_FOLDER = "inbox"
        pref.config.PHOTO_FOLDER = "photos"
        atilite.mount("/", services, pref)
    atilite.run(name="board")
