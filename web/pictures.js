// pictures.js - pictures as they are given, kept and sent. { id, name, type, width, height, blob }
//
// Browsers turn photographs as their EXIF note says, the model's loader does not. So that boxes fit what is seen, a picture
// with such a note is sent as it is shown: turned, as PNG. So are formats that the server does not read.
import { newId } from './talk.js';
import { loadPicture, savePicture } from './store.js';

const SENT_AS_IS = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/bmp'];
const EXIF_AT_MOST = 128 << 10, TAG_ORIENTATION = 0x0112;

// 1 to 8; 1, as it is, where a JPEG does not say.
function orientationIn(tiff) {
  const little = tiff.getUint16(0) === 0x4949;
  const directory = tiff.getUint32(4, little);
  const entries = tiff.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + 12 * i;
    if (tiff.getUint16(entry, little) === TAG_ORIENTATION) return tiff.getUint16(entry + 8, little);
  }
  return 1;
}

function orientationOf(bytes) {
  const view = new DataView(bytes);
  try {
    for (let i = 2; view.getUint8(i) === 0xff; i += 2 + view.getUint16(i + 2))
      if (view.getUint8(i + 1) === 0xe1 && view.getUint32(i + 4) === 0x45786966) // "Exif"
        return orientationIn(new DataView(bytes, i + 10));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ended
  }
  return 1;
}

export function canvasOf(width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

export const blobOf = (canvas, type = 'image/png') =>
  new Promise((resolve, reject) => canvas.toBlob(b => (b ? resolve(b) : reject(new Error('no picture'))), type));

async function redrawn(bitmap) {
  const canvas = canvasOf(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  return blobOf(canvas);
}

export async function makePicture(blob, name) {
  const bitmap = await createImageBitmap(blob);
  const head = await blob.slice(0, EXIF_AT_MOST).arrayBuffer();
  const isFine = SENT_AS_IS.includes(blob.type) && orientationOf(head) === 1;
  const sent = isFine ? blob : await redrawn(bitmap);
  return { id: newId(), name, type: sent.type, width: bitmap.width, height: bitmap.height, blob: sent };
}

// ---- those that are in use ----

const known = new Map();

export async function keepPicture(picture) {
  await savePicture(picture);
  return remember(picture);
}

const readAsUrl = blob => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

async function remember(picture) {
  known.set(picture.id, { ...picture, url: URL.createObjectURL(picture.blob), dataUrl: await readAsUrl(picture.blob) });
  return known.get(picture.id);
}

// Has to be called before pictureOf() of the same.
export async function needPictures(ids) {
  for (const id of ids) {
    const picture = known.has(id) ? null : await loadPicture(id);
    if (picture) await remember(picture);
  }
}

// Undefined: it was deleted.
export const pictureOf = id => known.get(id);
export const dataUrlOf = id => known.get(id)?.dataUrl ?? '';

export async function pictureFromDataUrl(id, name, url) {
  const [, type, data] = /^data:([\w/+.-]+);base64,(.*)$/s.exec(url) ?? [];
  const bytes = Uint8Array.from(atob(data ?? ''), c => c.charCodeAt(0));
  return { ...await makePicture(new Blob([bytes], { type }), name), id };
}

export const nameOfDataUrl = url => [...known.values()].find(p => p.dataUrl === url)?.name ?? 'picture.png';
