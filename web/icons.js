// icons.js - the signs on buttons: lines in a square of 24, in the colour of the text beside them.
import { el, svg } from './dom.js';

const LINES = {
  again: 'M19 12a7 7 0 1 1-2.2-5.1M19.5 3.5v4h-4',
  close: 'M6 6l12 12M18 6L6 18',
  code: 'M9 7l-5 5 5 5M15 7l5 5-5 5',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  down: 'M12 5v13M6 13l6 6 6-6',
  edit: 'M5 19l1-4L16 5l3 3L9 18z',
  enlarge: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5',
  help: 'M9 9.2a3 3 0 1 1 4.2 2.8c-.8.4-1.2 1-1.2 2M12 17.8v.2',
  left: 'M14 6l-6 6 6 6',
  menu: 'M4 7h16M4 12h16M4 17h16',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5M15.5 9v.1',
  pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  plus: 'M12 5v14M5 12h14',
  remove: 'M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  right: 'M10 6l6 6-6 6',
  send: 'M12 19V6M6 11l6-6 6 6',
  settings: 'M4 7h8M18 7h2M4 17h2M12 17h8M15 4.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM9 14.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  stop: 'M7 7h10v10H7z',
};

export const icon = name => svg('svg', { class: 'sign', viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: LINES[name] }));

// A button that shows a sign alone; its name is for those who do not see it, and for whoever hovers.
export const iconButton = (sign, name, onclick, fields = {}) =>
  el('button', { type: 'button', class: 'icon', 'aria-label': name, title: name, onclick, ...fields }, icon(sign));

// Elements say in data-icon which sign stands in front of what they hold.
export function putIcons(root) {
  for (const node of root.querySelectorAll('[data-icon]')) node.prepend(icon(node.dataset.icon));
}
