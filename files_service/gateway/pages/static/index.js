// The page of one's own files.

import { watchChoosing } from "./choosing.js";
import { refreshSoon, watchList } from "./listing.js";
import { watchChanges } from "./live.js";
import { showUnfinished, take, whenDone } from "./uploads.js";

document.getElementById("sending").hidden = false;
watchList();
watchChoosing(take);
whenDone(refreshSoon);
// Cards change no file.
watchChanges(({ event }) => event.startsWith("card_") || refreshSoon());
showUnfinished(() => document.getElementById("choose-files").click());
