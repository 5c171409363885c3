// Text: everything that the page shows goes through here, and nothing of it is ever read as markup.

/**
 * Text with everything named that cannot be seen or would turn its surroundings around: controls, bidi and other
 * format characters, line separators, lone surrogates, unassigned and private ones.
 */
function visible(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (c) => {
    const code = c.codePointAt(0);
    if (code < 0x100) {
      return `\\x${code.toString(16).padStart(2, '0')}`;
    }
    return `\\u{${code.toString(16)}}`;
  });
}

/** A new element with these attributes and children. */
function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value !== null && value !== undefined) {
      made.setAttribute(name, value);
    }
  }
  append(made, ...children);
  return made;
}

/** Adds children to `parent`: elements, and text that is made visible; null is nothing. */
function append(parent, ...children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) {
      parent.append(child instanceof Node ? child : visible(child));
    }
  }
}

/** The element of that id in page.html. */
function byId(id) {
  return document.getElementById(id);
}

/** Makes `children` all that `parent` holds. */
function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, ...children);
}

/** A whole number with thin spaces between thousands. */
function integer(value) {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, '\u2009');
}

/** `3 frames`, `1 frame`. */
function counted(value, one, many = `${one}s`) {
  return `${integer(value)} ${value === 1 ? one : many}`;
}

/** Seconds as decimal text; unknown ones as a dash. */
function seconds(value, digits = 6) {
  return value === null || Number.isNaN(value) ? '–' : value.toFixed(digits);
}

/** A duration in the unit people would say it in. */
function duration(value) {
  if (value === null || Number.isNaN(value)) {
    return '–';
  }
  const size = Math.abs(value);
  if (size >= 1 || size === 0) {
    return `${value.toFixed(size >= 100 ? 1 : 3)} s`;
  }
  return size >= 1e-3 ? `${(value * 1e3).toFixed(3)} ms` : `${(value * 1e6).toFixed(1)} µs`;
}

/** Runs of positions: `4, 9–11`. */
function runs(list, most = 6) {
  const words = list.slice(0, most).map(([first, last]) => {
    if (first === last) {
      return `${first}`;
    }
    return last === first + 1 ? `${first}, ${last}` : `${first}–${last}`;
  });
  return words.join(', ') + (list.length > most ? ', …' : '');
}

/** Bytes of the wire as text: UTF-8 where it is, other bytes by number, a backslash doubled. */
function wireText(bytes) {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = utf8Length(bytes, at);
    if (length === 0) {
      text += `\\x${hex(bytes[at])}`;
      at += 1;
    } else {
      const piece = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(at, at + length));
      text += piece === '\\' ? '\\\\' : piece;
      at += length;
    }
  }
  return visible(text);
}

/** How many bytes the character at `at` takes; 0 where there is none in well-formed UTF-8. */
function utf8Length(bytes, at) {
  const lead = bytes[at];
  if (lead < 0x80) {
    return 1;
  }
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length === 0 || at + length > bytes.length) {
    return 0;
  }
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

/** Two hex digits. */
function hex(byte) {
  return byte.toString(16).padStart(2, '0');
}
