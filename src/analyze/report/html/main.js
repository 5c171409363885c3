// The page: what is chosen, by mouse, key or address, and everything that shows it.

class Page {
  constructor(island) {
    this.island = island;
    this.report = island.report;
    const actions = {
      chooseFrame: (frame) => this.chooseFrame(frame),
      chooseStatement: (statement) => this.chooseStatement(statement),
      openConnection: (index) => this.open(index),
    };
    this.actions = actions;
    this.ladder = new Ladder(actions);
    this.findings = new Findings(actions);
    this.graphs = new Graphs(actions);
    this.pane = new Chosen(island.rules, actions);
    this.chooser();
    this.tabs();
    this.help();
    document.addEventListener('keydown', (event) => this.onKey(event));
    window.addEventListener('hashchange', () => this.followAddress());
    if (island.report.connections.length === 0) {
      fill(byId('verdict'), 'No connection of this protocol');
      fill(byId('ledger'), island.report.files.map(({ file, error }) => element('div', {}, error ?? file)));
      document.body.classList.add('empty');
      return;
    }
    this.followAddress();
  }

  // --- what is chosen ---

  open(index) {
    this.index = index;
    this.connection = new Connection(this.report.connections[index], this.island.frames[index], this.island.letters);
    byId('connection').value = String(index);
    byId('connection-before').disabled = index === 0;
    byId('connection-after').disabled = index + 1 === this.report.connections.length;
    const button = (packet) => this.pane.packet(this.connection, packet);
    showVerdict(this.connection);
    showMetrics(this.connection);
    showModel(this.connection, button);
    showCapture(this.connection, this.report.files, button);
    showAll(this.report, index, this.actions);
    this.ladder.open(this.connection);
    this.findings.open(this.connection);
    this.graphs.open(this.connection);
    this.choose({ frame: null, statement: null });
  }

  chooseFrame(frame) {
    this.choose({ frame, statement: null });
  }

  chooseStatement(statement) {
    this.choose({ frame: this.connection.statements[statement].frame, statement });
  }

  /** Shows the choice everywhere. `related`: other frames of the finding; `citing`: findings that show at the frame. */
  choose({ frame, statement }) {
    const { connection } = this;
    const related = new Set(statement === null ? [] : connection.statements[statement].frames.filter((other) => other !== frame));
    const citing = frame === null ? [] : connection.statementsOfFrame.get(frame) ?? [];
    this.chosen = { frame, statement, related, citing };
    const inside = (id) => byId(id).contains(document.activeElement);
    this.ladder.choose(this.chosen, inside('ladder-list'));
    this.findings.choose(this.chosen, inside('findings-list'));
    this.graphs.choose(this.chosen);
    this.pane.show(connection, this.chosen);
    this.speak();
    // Browsers limit how often an address may change: once the choice rests.
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.writeAddress(), 200);
  }

  speak() {
    const { connection } = this;
    const { frame, statement } = this.chosen;
    const words = [];
    if (statement !== null) {
      const { kind, rule, message } = connection.statements[statement];
      words.push(`${KINDS[kind][1]}, ${rule}: ${message}`);
    }
    if (frame !== null) {
      words.push(`packet ${connection.packet[frame]}, ${connection.fromClient(frame) ? 'client' : 'server'}, ${connection.title(frame)} ${connection.remark(frame)}`);
    }
    fill(byId('spoken'), words.join('. '));
  }

  // --- the address: #connection=0&packet=20 ---

  followAddress() {
    const wanted = new URLSearchParams(window.location.hash.slice(1));
    const number = wanted.get('connection');
    const known = this.report.connections.findIndex((data) => String(data.connection) === number);
    const index = known >= 0 ? known : this.index ?? 0;
    if (index !== this.index) {
      this.open(index);
    }
    const frame = this.connection.frameOf(Number(wanted.get('packet') ?? NaN));
    if (frame !== null && this.connection.packet[frame] !== this.connection.packet[this.chosen.frame]) {
      this.chooseFrame(frame);
    }
  }

  writeAddress() {
    const wanted = new URLSearchParams({ connection: String(this.connection.data.connection) });
    if (this.chosen.frame !== null) {
      wanted.set('packet', String(this.connection.packet[this.chosen.frame]));
    }
    window.history.replaceState(null, '', `#${wanted}`);
  }

  // --- choosing a connection, tabs, help ---

  chooser() {
    const { connections, files } = this.report;
    const select = byId('connection');
    for (const [index, data] of connections.entries()) {
      const file = files.length > 1 ? `${data.file}, ` : '';
      select.append(element('option', { value: String(index) }, `${data.connection}: ${file}${data.client} – ${data.verdict.worst ?? 'nothing found'}`));
    }
    select.addEventListener('change', () => this.open(Number(select.value)));
    byId('connection-before').addEventListener('click', () => this.step(-1));
    byId('connection-after').addEventListener('click', () => this.step(1));
    byId('chooser').hidden = connections.length < 2;
    byId('tab-all').hidden = connections.length < 2;
  }

  /** The connection `by` places on, if there is one. */
  step(by) {
    const index = this.index + by;
    if (index >= 0 && index < this.report.connections.length) {
      this.open(index);
    }
  }

  tabs() {
    const all = [...document.querySelectorAll('[role=tab]')];
    const show = (tab) => {
      for (const other of all) {
        const shown = other === tab;
        other.setAttribute('aria-selected', String(shown));
        other.tabIndex = shown ? 0 : -1;
        byId(other.getAttribute('aria-controls')).hidden = !shown;
      }
    };
    for (const tab of all) {
      tab.addEventListener('click', () => show(tab));
      tab.addEventListener('keydown', (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (by !== undefined) {
          const there = all.filter((other) => !other.hidden);
          const next = there[(there.indexOf(tab) + by + there.length) % there.length];
          show(next);
          next.focus();
          event.preventDefault();
          event.stopPropagation();
        }
      });
    }
    show(all[0]);
  }

  help() {
    byId('help-open').addEventListener('click', () => byId('help').showModal());
  }

  // --- keys ---

  onKey(event) {
    const typing = event.target.closest?.('select, dialog') ?? null;
    if (event.ctrlKey || event.altKey || event.metaKey || typing !== null || this.connection === undefined) {
      return;
    }
    const moves = /^(Arrow|Page|Home|End)/.test(event.key);
    if (moves && event.target.closest?.('#chosen, [role=tabpanel]:not(#panel-findings)')) {
      // These keys scroll what is read there.
      return;
    }
    const inFindings = byId('findings-list').contains(document.activeElement);
    const act = this.keyAction(event, inFindings);
    if (act !== null) {
      act();
      event.preventDefault();
    }
  }

  keyAction({ key, shiftKey }, inFindings) {
    const { view } = this.graphs;
    const { count } = this.connection;
    const by = (frames) => () => this.moveBy(frames);
    const finding = (places) => () => this.moveFinding(places);
    switch (key) {
      case 'ArrowDown': return inFindings ? finding(1) : by(1);
      case 'ArrowUp': return inFindings ? finding(-1) : by(-1);
      case 'ArrowRight': return shiftKey ? () => view.pan(0.25) : by(1);
      case 'ArrowLeft': return shiftKey ? () => view.pan(-0.25) : by(-1);
      case 'PageDown': return by(20);
      case 'PageUp': return by(-20);
      case 'Home': return by(-count);
      case 'End': return by(count);
      case 'n': return finding(1);
      case 'p': return finding(-1);
      case '+':
      case '=': return () => view.zoom(0.6, this.zoomCentre());
      case '-':
      case '_': return () => view.zoom(1 / 0.6, this.zoomCentre());
      case '0': return () => view.set(view.least, view.most);
      case '[': return () => this.step(-1);
      case ']': return () => this.step(1);
      case 'Escape': return () => this.choose({ frame: null, statement: null });
      case '?': return () => byId('help').showModal();
      default: return null;
    }
  }

  /** Keys zoom around the chosen frame where it is in sight, else around the middle. */
  zoomCentre() {
    const { view } = this.graphs;
    const { frame } = this.chosen;
    const time = frame === null ? NaN : this.connection.x[frame];
    return time >= view.from && time <= view.to ? time : undefined;
  }

  moveBy(frames) {
    const { count } = this.connection;
    if (count > 0) {
      const from = this.chosen.frame ?? (frames > 0 ? -1 : count);
      this.chooseFrame(Math.min(Math.max(from + frames, 0), count - 1));
    }
  }

  moveFinding(places) {
    const next = this.findings.beside(places);
    if (next !== null) {
      this.chooseStatement(next);
    }
  }
}

new Page(JSON.parse(byId('data').textContent));
