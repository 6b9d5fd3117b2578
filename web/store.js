// store.js - conversations and their pictures, in this browser's IndexedDB; settings in its localStorage. Nothing is kept on
// the server.

const open = new Promise((resolve, reject) => {
  const request = indexedDB.open('vl2', 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('talks', { keyPath: 'id' });
    request.result.createObjectStore('pictures', { keyPath: 'id' });
  };
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

// One transaction: `work` gets the store and returns a request; its result is the promise's.
async function within(name, mode, work) {
  const transaction = (await open).transaction(name, mode);
  const request = work(transaction.objectStore(name));
  transaction.commit(); // at once: the page may be on its way out
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

export const allTalks = () => within('talks', 'readonly', s => s.getAll());
export const saveTalk = talk => within('talks', 'readwrite', s => s.put(talk));
export const loadPicture = id => within('pictures', 'readonly', s => s.get(id));
export const savePicture = picture => within('pictures', 'readwrite', s => s.put(picture));

export async function removeTalk(talk, pictures) {
  await within('pictures', 'readwrite', s => { pictures.forEach(id => s.delete(id)); });
  await within('talks', 'readwrite', s => s.delete(talk.id));
}

// ---- settings ----

export function loadSettings(defaults) {
  try {
    return { ...defaults, ...JSON.parse(localStorage.getItem('vl2.settings') ?? '{}') };
  } catch {
    return { ...defaults };
  }
}

export const saveSettings = settings => localStorage.setItem('vl2.settings', JSON.stringify(settings));

// The key goes when the window goes.
export const apiKey = () => sessionStorage.getItem('vl2.key') ?? '';
export const setApiKey = key => sessionStorage.setItem('vl2.key', key);
