// What frames are drawn as, each told by its shape as well as by its colour.

/** What the position graph draws: its sign, what it is called, and which frames it stands for. */
const SIGNS = [
  { key: 'new', word: 'MSG, first copy', shape: 'disc' },
  { key: 'again', word: 'MSG again', shape: 'triangle' },
  { key: 'fill', word: 'first copy, late', shape: 'diamond' },
  { key: 'lost', word: 'MSG not written', shape: 'cross' },
  { key: 'unseen', word: 'not seen', shape: 'query' },
  { key: 'done', word: 'DONE, CLOSE', shape: 'square' },
  { key: 'ack', word: 'ACK', shape: 'tick' },
  { key: 'acklost', word: 'ACK not written', shape: 'crossed' },
  { key: 'odd', word: 'ACK that moves nothing', shape: 'ring' },
  { key: 'fault', word: 'breaks a rule', shape: 'block' },
];

/** What `signs` holds for ordinary frames. */
const NEW = SIGNS.findIndex(({ key }) => key === 'new') + 1;
const ACK = SIGNS.findIndex(({ key }) => key === 'ack') + 1;

/** The key of the sign that stands for frame `i`, or null. */
function signOf(connection, i) {
  if (Number.isNaN(connection.pos[i])) {
    return null;
  }
  switch (connection.verdict(i)) {
    case 'new':
    case 'skip':
    case 'unclear': return connection.name(i) === 'DONE' ? 'done' : 'new';
    case 'resend': return 'again';
    case 'fill': return 'fill';
    case 'advances':
    case 'jump': return 'ack';
    case 'reack':
    case 'duplicate':
    case 'unclear-ack': return 'odd';
    case 'other': return connection.name(i) === 'CLOSE' ? 'done' : null;
    // Beyond the window, no position, below the last ACK, premature, of what was never written, no number.
    default: return 'fault';
  }
}

/** Draws a sign around a point. */
function drawSign(context, colors, key, x, y, size) {
  const { shape } = SIGNS.find((sign) => sign.key === key);
  const color = colors[key];
  context.strokeStyle = color;
  context.fillStyle = color;
  context.lineWidth = 1.5;
  context.beginPath();
  switch (shape) {
    case 'disc': context.arc(x, y, size * 0.8, 0, 7); context.fill(); return;
    case 'triangle':
      context.moveTo(x, y - size * 1.3);
      context.lineTo(x + size * 1.2, y + size);
      context.lineTo(x - size * 1.2, y + size);
      context.closePath();
      context.fillStyle = colors.panel;
      context.fill();
      break;
    case 'diamond':
      context.moveTo(x, y - size * 1.4);
      context.lineTo(x + size * 1.4, y);
      context.lineTo(x, y + size * 1.4);
      context.lineTo(x - size * 1.4, y);
      context.closePath();
      context.fill();
      return;
    case 'cross':
      context.moveTo(x - size, y - size);
      context.lineTo(x + size, y + size);
      context.moveTo(x + size, y - size);
      context.lineTo(x - size, y + size);
      context.lineWidth = 2;
      break;
    case 'square': context.rect(x - size, y - size, size * 2, size * 2); break;
    case 'tick': context.moveTo(x - size * 0.4, y); context.lineTo(x + size * 1.4, y); context.lineWidth = 2.5; break;
    case 'crossed':
      context.arc(x, y, size * 1.2, 0, 7);
      context.moveTo(x - size * 0.8, y - size * 0.8);
      context.lineTo(x + size * 0.8, y + size * 0.8);
      context.moveTo(x + size * 0.8, y - size * 0.8);
      context.lineTo(x - size * 0.8, y + size * 0.8);
      break;
    case 'query':
      context.font = `bold ${Math.round(size * 3.4)}px sans-serif`;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillText('?', x, y);
      return;
    case 'ring': context.arc(x, y, size, 0, 7); break;
    default: context.rect(x - size, y - size, size * 2, size * 2); context.fill(); return;
  }
  context.stroke();
}

/** The signs and lines with their names. */
function showLegend(colors, edge) {
  const items = SIGNS.map(({ key, word }) => legendItem(word, (context) => drawSign(context, colors, key, 11, 8, 3.6)));
  const line = (color, dash, width) => (context) => {
    context.strokeStyle = colors[color];
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(1, 8);
    context.lineTo(21, 8);
    context.stroke();
  };
  items.push(legendItem('last ACK', line('ack', [], 1.5)));
  items.push(legendItem(edge, line('edge', [5, 4], 1)));
  fill(byId('legend'), items);
}

function legendItem(word, paint) {
  const canvas = element('canvas', { width: '44', height: '32', 'aria-hidden': 'true' });
  const context = canvas.getContext('2d');
  context.scale(2, 2);
  paint(context);
  return element('li', {}, canvas, word);
}
