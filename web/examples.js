// examples.js - one for each of the official demo's, with pictures of ours: { en, zh: what is asked, files, mode, mark: the
// rectangle to begin with }.
import { makePicture } from './pictures.js';

export const EXAMPLES = [
  { mode: 'locate', files: ['crown.png'], en: 'the crown', zh: '王冠' },
  { mode: 'locate', files: ['heart.png'], en: 'the red heart', zh: '红色的心' },
  { mode: 'locate', files: ['cross.png'], en: 'the black cross', zh: '黑色的十字' },
  { mode: 'describe', files: ['dolphin.png'], en: 'Describe the image.', zh: '描述这张图片。' },
  { mode: 'same', files: ['hammer.png', 'heart.png'], mark: { x: 0.43, y: 0.06, w: 0.38, h: 0.37 } },
  { mode: 'ask', files: ['chart.png'], en: 'What is the value of C?', zh: 'C 的值是多少？' },
  { mode: 'ask', files: ['penguin-a.png', 'penguin-b.png', 'penguin-c.png'],
    en: 'This is the first image: <image>\nThis is the second image: <image>\nThis is the third image: <image>\n' +
      'What is in the second image?',
    zh: '这是第一张图片：<image>\n这是第二张图片：<image>\n这是第三张图片：<image>\n' +
      '第二张图片里有什么？' },
  { mode: 'ask', files: ['stars.png'], en: 'How many stars are there?', zh: '有几颗星星？' },
];

export async function examplePictures(example) {
  return Promise.all(example.files.map(async name =>
    makePicture(await (await fetch(`examples/${name}`)).blob(), name)));
}
