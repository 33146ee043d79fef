// What runs on every page of a person: navigation, uploads, live changes, and the screen that is shown.

import { watchBell } from "./bell.js";
import { watchMenus } from "./menus.js";
import { watchNavigation } from "./navigation.js";
import { watchPicking } from "./picking.js";
import { showScreen } from "./screens.js";
import { watchSignIn } from "./signed_out.js";
import { sendBySocket } from "./socket.js";
import { watchStorage } from "./storage.js";
import { showUnfinished, take } from "./tray.js";
import { alsoSend } from "./upload.js";

alsoSend(sendBySocket);
watchMenus();
watchNavigation();
watchPicking(take);
watchSignIn();
watchStorage();
watchBell();
showUnfinished();
showScreen();
