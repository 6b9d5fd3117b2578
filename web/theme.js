// theme.js - runs before the page is drawn, so that a dark page does not flash up light.
document.documentElement.dataset.theme = localStorage.getItem('vl2.theme') || 'system';
