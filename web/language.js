// language.js - what the page says, in English and Chinese. t('key', values...) puts values where {0}, {1} stand; elements say
// in data-t (text), data-t-name (accessible name and hint) and data-t-hint (placeholder) which key is theirs.

const TEXTS = {
  skip: ['Skip to the question', '跳到输入框'],
  list: ['Conversations', '对话'],
  newTalk: ['New conversation', '新对话'],
  search: ['Search conversations', '搜索对话'],
  rename: ['Rename', '重命名'],
  pin: ['Pin', '置顶'],
  unpin: ['Unpin', '取消置顶'],
  remove: ['Delete', '删除'],
  talkRemoved: ['“{0}” was deleted.', '已删除“{0}”。'],
  undo: ['Undo', '撤销'],
  noTalks: ['Conversations are kept in this browser.', '对话保存在本浏览器中。'],
  noneFound: ['Nothing found', '未找到'],
  exportAll: ['Export', '导出'],
  importAll: ['Import', '导入'],
  imported: ['{0} conversations imported', '已导入 {0} 个对话'],
  importFailed: ['This file holds no conversations of vl2', '该文件中没有 vl2 的对话'],
  untitled: ['Untitled', '未命名'],
  talk: ['Conversation', '当前对话'],
  settings: ['Settings', '设置'],
  keys: ['Keyboard', '键盘'],
  close: ['Close', '关闭'],
  language: ['Language', '语言'],
  theme: ['Colours', '颜色'],
  themeSystem: ['System', '跟随系统'],
  themeLight: ['Light', '浅色'],
  themeDark: ['Dark', '深色'],
  model: ['Model', '模型'],
  context: ['{0} of {1} tokens of the context', '上下文 {0} / {1} 个词元'],

  welcome: ['Ask about pictures', '就图片提问'],
  welcomeMore: ['Everything stays on this server and in this browser.', '所有内容只留在本服务器和本浏览器中。'],
  dropOrPick: ['Drop, paste or choose pictures', '拖入、粘贴或选择图片'],
  smallModel: [
    'The model “default” comes with the program and is small: it knows drawn scenes like these, and English.',
    '“default”是程序自带的小模型：只认识这类绘制的场景，并且只懂英文。'],
  examples: ['Examples', '示例'],

  question: ['Question', '问题'],
  questionHint: ['Ask something…', '输入问题…'],
  locateHint: ['What is to be found? “the red heart”', '要找什么？例如“红色的心”'],
  describeHint: ['Describe the image.', '描述这张图片。'],
  send: ['Send', '发送'],
  stop: ['Stop', '停止'],
  addPictures: ['Add pictures', '添加图片'],
  dropHere: ['Drop pictures here', '将图片拖放到此处'],
  pictures: ['Pictures to send', '待发送的图片'],
  pictureOf: ['Picture {0}: {1}', '图片 {0}：{1}'],
  enlarge: ['Enlarge picture {0}', '放大图片 {0}'],
  earlier: ['Move picture {0} forward', '将图片 {0} 前移'],
  later: ['Move picture {0} back', '将图片 {0} 后移'],
  takeOut: ['Remove picture {0}', '移除图片 {0}'],
  tiles: ['{0}×{1} px, {2}×{3} tiles, {4} tokens', '{0}×{1} 像素，{2}×{3} 块，{4} 个词元'],
  onlyWhole: ['{0}×{1} px, whole view only, {4} tokens', '{0}×{1} 像素，仅整图，{4} 个词元'],
  tilesOff: [
    'With more than {0} pictures in a conversation each is seen as a whole only, without tiles: less detail.',
    '对话中图片超过 {0} 张时，每张只看整图、不分块：细节较少。'],
  cost: ['{0} tokens: {1} of pictures, {2} of text', '共 {0} 个词元：图片 {1}，文本 {2}'],
  textCost: ['{0} tokens of text', '文本 {0} 个词元'],
  notAPicture: ['{0} is not a picture that this browser can read', '{0} 不是本浏览器可读取的图片'],
  zoom: ['Zoom', '缩放'],

  mode: ['What to ask for', '提问方式'],
  modeAsk: ['Ask', '提问'],
  modeLocate: ['Locate', '定位'],
  modeDescribe: ['Describe with boxes', '带框描述'],
  modeSame: ['Find the same object', '找相同物体'],
  sameHint: ['Mark a thing on the first picture', '在第一张图片上标记物体'],
  sameNeedsTwo: ['This takes two pictures: one to mark, one to search', '需要两张图片：一张用来标记，一张用来查找'],
  markTitle: ['Draw a rectangle around the object', '在物体周围画一个矩形'],
  markHelp: [
    'Drag with the mouse or a finger; or with the arrow keys: they move the rectangle, with Shift they size it.',
    '用鼠标或手指拖动；也可用方向键移动矩形，按住 Shift 调整大小。'],
  markDone: ['Use it', '使用'],
  markArea: ['Rectangle on picture 1', '图片 1 上的矩形'],

  you: ['You', '你'],
  assistant: ['Answer', '回答'],
  copy: ['Copy', '复制'],
  copied: ['Copied', '已复制'],
  raw: ['Raw text', '原始文本'],
  likely: ['Probabilities', '概率'],
  likelyHelp: ['How likely each token was:', '每个词元的概率：'],
  likelyRest: ['less', '更低'],
  edit: ['Edit and send again', '编辑并重新发送'],
  editSend: ['Send again', '重新发送'],
  cancel: ['Cancel', '取消'],
  again: ['Regenerate', '重新生成'],
  continue: ['Continue', '继续'],
  tryAgain: ['Try again', '重试'],
  takeOutTurn: ['Delete this turn', '删除此轮'],
  removeLast: ['Remove last turn', '删除最后一轮'],
  previous: ['Previous version', '上一个版本'],
  next: ['Next version', '下一个版本'],
  version: ['Version {0} of {1}', '第 {0} 个版本，共 {1} 个'],
  newest: ['Jump to newest', '跳到最新'],
  byItself: ['by itself', '自然结束'],
  stopped: ['stopped', '已停止'],
  cut: ['cut at the token limit', '达到词元上限'],

  showBox: ['{0}: show its box', '{0}：显示其框'],
  boxes: ['Boxes', '框'],
  boxesOn: ['Boxes on picture {0}: {1}', '图片 {0} 上的框：{1}'],
  showBoxes: ['Show boxes', '显示框'],
  opacity: ['Opacity', '不透明度'],
  pixels: ['pixels', '像素'],
  copyBoxes: ['Copy coordinates', '复制坐标'],
  save: ['Save {0}', '保存 {0}'],

  generating: ['Generating…', '正在生成…'],
  success: ['Generate: Success', '生成完成'],
  stopDone: ['Stop Done', '已停止'],
  removeDone: ['Delete Done', '已删除'],
  resetDone: ['Reset Done', '已新建'],
  emptyContext: ['Empty context.', '没有内容。'],
  queued: ['Waiting: {0} ahead', '排队中：前面还有 {0} 个'],
  encoding: ['Encoding pictures: tile {0} of {1}', '正在编码图片：第 {0} / {1} 块'],
  reading: ['Reading: {0} of {1} tokens', '正在读取：{0} / {1} 个词元'],
  waiting: ['The server does not answer yet, trying again ({0})…', '服务器暂无响应，正在重试（{0}）…'],
  forgot: ['The oldest {0} turns were left out: max history tokens', '已省略最早的 {0} 轮：超出历史词元上限'],
  gone: ['The server cannot be reached. Is it still running?', '无法连接服务器。它还在运行吗？'],
  keyNeeded: ['This server wants an API key.', '该服务器需要 API 密钥。'],
  openSettings: ['Settings', '设置'],
  tooLarge: ['The pictures are larger than the server takes: {0}', '图片超过服务器上限：{0}'],
  tooLong: ['Too long for the context: {0}', '超出上下文长度：{0}'],

  stats: ['{0} tokens · {1} tokens/s · first after {2} s', '{0} 个词元 · {1} 词元/秒 · 首个词元 {2} 秒'],
  statsRead: ['Read: {0} tokens ({1} of pictures, {2} from cache), {3} tokens/s', '读取：{0} 个词元（图片 {1}，缓存 {2}），{3} 词元/秒'],
  statsWritten: ['Written: {0} tokens, {1} tokens/s', '生成：{0} 个词元，{1} 词元/秒'],
  statsFirst: ['First token after {0} s', '首个词元：{0} 秒'],
  statsEnd: ['Ended: {0}', '结束：{0}'],
  statsModel: ['Model: {0}', '模型：{0}'],

  presets: ['Presets', '预设'],
  presetPrecise: ['Precise', '精确'],
  presetOfficial: ['Official demo', '官方演示'],
  presetCreative: ['Creative', '创意'],
  temperature: ['Temperature', '温度'],
  temperatureHelp: ['0 takes the most likely token each time, without repetition penalty', '0 表示每次取最可能的词元，且无重复惩罚'],
  topP: ['Top-p', 'Top-p'],
  repetition: ['Repetition penalty', '重复惩罚'],
  repetitionHelp: ['1 and 0: off', '1 和 0：关闭'],
  maxTokens: ['Max generation tokens', '最大生成词元数'],
  maxTokensHelp: ['0: up to the end of the context', '0：直到上下文末尾'],
  maxHistory: ['Max history tokens', '最大历史词元数'],
  maxHistoryHelp: ['Older turns are not sent; 0: the question alone', '更早的轮次不发送；0：只发送当前问题'],
  seed: ['Seed', '随机种子'],
  seedHelp: ['Empty: another one each time', '留空：每次不同'],
  stopTexts: ['Stop at', '停止文本'],
  stopTextsHelp: ['One text a line', '每行一条'],
  system: ['System message', '系统消息'],
  probabilities: ['Ask for token probabilities (shown under an answer)', '请求词元概率（在回答下方查看）'],
  greedyBoxes: ['Answer greedily when boxes are asked for', '要求框时使用贪心解码'],
  apiKey: ['API key', 'API 密钥'],
  reset: ['Reset', '重置'],
  code: ['Show as code', '显示为代码'],
  codeHelp: ['The last request, with its pictures as files', '上一次请求，图片以文件表示'],
  noRequest: ['Nothing was asked yet', '尚未提问'],
  tokensHelp: [
    'Special tokens: <image> stands for a picture; <|ref|>a thing<|/ref|> asks for its box; <|grounding|>a question for an answer with boxes.',
    '特殊标记：<image> 表示图片；<|ref|>物体<|/ref|> 询问其框；<|grounding|>问题 要求带框回答。'],

  keySend: ['Send', '发送'],
  keyLine: ['New line', '换行'],
  keyStop: ['Stop', '停止'],
  keyEdit: ['Edit the last question (empty entry)', '编辑上一个问题（输入框为空时）'],
  keyNew: ['New conversation', '新对话'],
  keySearch: ['Search conversations', '搜索对话'],
  keyList: ['Show or hide conversations', '显示或隐藏对话列表'],
  keyHelp: ['This list', '本列表'],
};

export const LANGUAGES = ['en', 'zh'];

const wished = () => (navigator.language.startsWith('zh') ? 'zh' : 'en');
let current = localStorage.getItem('vl2.language') ?? wished();

export const language = () => current;

export function t(key, ...values) {
  const text = TEXTS[key][LANGUAGES.indexOf(current)];
  return text.replace(/\{(\d)\}/g, (whole, i) => values[i] ?? whole);
}

export function translatePage() {
  document.documentElement.lang = current === 'zh' ? 'zh-Hans' : 'en';
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll('[data-t-hint]')) node.placeholder = t(node.dataset.tHint);
  for (const node of document.querySelectorAll('[data-t-name]')) {
    node.setAttribute('aria-label', t(node.dataset.tName));
    node.title = t(node.dataset.tName);
  }
}

export function setLanguage(name) {
  current = LANGUAGES.includes(name) ? name : 'en';
  localStorage.setItem('vl2.language', current);
  translatePage();
}
