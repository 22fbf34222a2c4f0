/**
 * Looks at pages in a headless Chromium, as a reader would: wide and narrow, light and dark, and printed.
 *
 * Usage: node look.mjs FILE… ; writes a JSON array with one complaint each, empty where nothing is wrong.
 */

import { pathToFileURL } from 'node:url';

import { Chromium } from '../../../gateway/client-js/test/live/chromium.js';

const WIDTHS = [400, 1280];
const SCHEMES = ['light', 'dark'];
/** WCAG 2.2, 1.4.3: the least contrast of text. */
const CONTRAST = 4.5;

const complaints = [];
const chromium = await Chromium.start();
try {
  for (const file of process.argv.slice(2)) await look(file);
} finally {
  await chromium.stop();
}
console.log(JSON.stringify(complaints));

async function look(file) {
  const page = await chromium.page();
  const say = (what) => complaints.push(`${file}: ${what}`);
  const url = pathToFileURL(file).href;
  const mine = (event, listener) => chromium.on(event, listener);
  mine('Runtime.exceptionThrown', ({ exceptionDetails }) => say(`exception: ${exceptionDetails.text}`));
  mine('Log.entryAdded', ({ entry }) => say(`console: ${entry.level}: ${entry.text}`));
  mine('Network.requestWillBeSent', ({ request }) => {
    if (request.url !== url && !request.url.startsWith('file:')) say(`asks for ${request.url}`);
  });
  await chromium.send('Log.enable', {}, page);
  await chromium.send('Network.enable', {}, page);
  const loaded = new Promise((resolve) => mine('Page.loadEventFired', resolve));
  await chromium.send('Page.navigate', { url }, page);
  await loaded;
  for (const scheme of SCHEMES) {
    for (const width of WIDTHS) {
      await chromium.send('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: false }, page);
      await chromium.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] }, page);
      for (const wrong of await evaluate(page, `(${inspect})(${CONTRAST})`)) say(`${scheme}, ${width} px: ${wrong}`);
    }
  }
  const { data } = await chromium.send('Page.printToPDF', { printBackground: true }, page);
  if (!Buffer.from(data, 'base64').subarray(0, 5).equals(Buffer.from('%PDF-'))) say('does not print');
  await chromium.send('Target.closeTarget', { targetId: (await chromium.send('Target.getTargetInfo', {}, page)).targetInfo.targetId });
}

async function evaluate(page, expression) {
  const { result, exceptionDetails } = await chromium.send('Runtime.evaluate', { expression, returnByValue: true }, page);
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

/** Runs inside the page. */
function inspect(least) {
  const wrong = [];
  const root = document.documentElement;
  for (const details of document.querySelectorAll('details')) details.open = true;

  if (root.scrollWidth > root.clientWidth) wrong.push(`${root.scrollWidth - root.clientWidth} px too wide`);
  if (document.querySelectorAll('h1').length !== 1) wrong.push('has not one first heading');
  for (const svg of document.querySelectorAll('svg')) {
    const title = svg.querySelector(':scope > title')?.textContent.trim();
    if (!title || !svg.getAttribute('aria-label')?.trim()) wrong.push('a picture has no title or no description');
  }
  for (const text of textsOf(document.body)) {
    const { contrast, said } = measured(text);
    if (contrast < least) wrong.push(`contrast ${contrast.toFixed(2)} of "${said}"`);
  }
  return wrong;

  /** Elements that show words of their own. */
  function textsOf(body) {
    const own = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const shown = (element) => !element.closest('title') && element.getClientRects().length > 0;
    return [...body.querySelectorAll('*')].filter((element) => own(element) && shown(element));
  }

  function measured(element) {
    const inPicture = element instanceof SVGElement;
    const style = getComputedStyle(element);
    const ground = inPicture ? below(element) : background(element);
    const ink = over(colour(inPicture ? style.fill : style.color), ground);
    const [light, dark] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
    return { contrast: (light + 0.05) / (dark + 0.05), said: element.textContent.trim().slice(0, 40) };
  }

  /** What is painted behind an element, from the page inwards. */
  function background(element) {
    const line = [];
    for (let at = element; at; at = at.parentElement) line.unshift(at);
    return line.reduce((ground, at) => over(colour(getComputedStyle(at).backgroundColor), ground), [255, 255, 255]);
  }

  /** The same inside a picture, where shapes that were drawn earlier lie below. */
  function below(text) {
    const svg = text.closest('svg');
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    let ground = background(svg.parentElement);
    for (const shape of svg.querySelectorAll('rect, text')) {
      if (shape === text) break;
      const area = shape.getBoundingClientRect();
      const style = getComputedStyle(shape);
      const covers = shape.tagName === 'rect' && area.left <= x && x <= area.right && area.top <= y && y <= area.bottom;
      if (!covers || style.fill === 'none') continue;
      const [red, green, blue, alpha] = colour(style.fill);
      ground = over([red, green, blue, alpha * Number(style.fillOpacity)], ground);
    }
    return ground;
  }

  function colour(words) {
    const [red, green, blue, alpha = 1] = words.match(/[\d.]+/g).map(Number);
    return [red, green, blue, alpha];
  }

  function over([red, green, blue, alpha], ground) {
    return [red, green, blue].map((value, place) => alpha * value + (1 - alpha) * ground[place]);
  }

  /** WCAG 2.2, relative luminance. */
  function luminance(rgb) {
    const [red, green, blue] = rgb.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
}
