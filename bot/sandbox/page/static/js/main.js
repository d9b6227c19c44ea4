// Puts the page together.

import { follow } from "./api.js";
import * as banner from "./banner.js";
import * as composer from "./composer.js";
import * as conversation from "./conversation.js";
import * as identity from "./identity.js";
import * as modal from "./modal.js";
import * as settings from "./settings.js";
import * as side from "./side.js";
import * as sidebar from "./sidebar.js";
import { recall, show } from "./state.js";
import * as tabs from "./tabs.js";
import * as thread from "./thread.js";
import * as tour from "./tour.js";
import * as words from "./words.js";

await words.load();
await composer.start();
recall();
for (const part of [settings, identity, banner, sidebar, conversation, thread, side, tabs, modal, tour]) part.start();
show({});
follow();
