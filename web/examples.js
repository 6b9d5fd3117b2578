// examples.js - one for each of the official demo's, with pictures of ours: { en, zh: what is asked, files, mode }.
import { makePicture } from './pictures.js';

export const EXAMPLES = [
  { mode: 'locate', files: ['crown.png'], en: 'the crown', zh: '王冠' },
  { mode: 'locate', files: ['heart.png'], en: 'the red heart', zh: '红色的心' },
  { mode: 'locate', files: ['cross.png'], en: 'the black cross', zh: '黑色的十字' },
  { mode: 'describe', files: ['dolphin.png'], en: 'Describe the image.', zh: '描述这张图片。' },
  { mode: 'same', files: ['lemon-a.png', 'lemon-b.png'] },
  { mode: 'ask', files: ['chart.png'], en: 'What is the value of D?', zh: 'D 的值是多少？' },
  { mode: 'ask', files: ['lemon-a.png', 'lemon-b.png', 'lemon-c.png'],
    en: 'This is the first image: <image>\nThis is the second image: <image>\nThis is the third image: <image>\n' +
      'In which image is the lemon?',
    zh: '这是第一张图片：<image>\n这是第二张图片：<image>\n这是第三张图片：<image>\n' +
      '柠檬在哪张图片里？' },
  { mode: 'ask', files: ['word.png'], en: 'Read the text.', zh: '读出图中的文字。' },
];

export async function examplePictures(example) {
  return Promise.all(example.files.map(async name =>
    makePicture(await (await fetch(`examples/${name}`)).blob(), name)));
}
