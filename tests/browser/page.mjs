// page.mjs - the page of `vl2 serve`, driven as people drive it. Most promises are about a model of random weights: what it says
// is noise, so where a promise needs a certain answer, the answer is put in at the HTTP level; all others are the server's own.
import "./page_asking.mjs";
import "./page_controls.mjs";
import "./page_boxes.mjs";
import "./page_text.mjs";
import "./page_turns.mjs";
import "./page_history.mjs";
import "./page_trouble.mjs";
import "./page_everybody.mjs";
import { checkAll } from "./support.mjs";
import { plan } from "./tap.mjs";

const AT_ONCE = 3; // a page waits for the server much of its time: on two cores three take as long as each alone

await checkAll(AT_ONCE);
plan();
