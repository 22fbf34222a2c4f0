/** Draws the last messages of a subject as a line: a step to the right for each message, however late it came. */

/** Messages that are kept and drawn. */
const KEPT = 240;

/** Room around the drawing, in CSS pixels: for numbers at the left, and for the last point. */
const MARGIN = { left: 56, right: 12, top: 10, bottom: 10 };

export class Chart {
  #canvas;
  /** `{ value, recovered, reconnect, gap }`, oldest first; the latter two happened right before it. */
  #points = [];
  #reconnected = false;
  #due = false;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#drawSoon()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#drawSoon());
  }

  clear() {
    this.#points = [];
    this.#reconnected = false;
    this.#drawSoon();
  }

  add(value, { recovered, gap }) {
    this.#points.push({ value, recovered, gap, reconnect: this.#reconnected });
    this.#reconnected = false;
    if (this.#points.length > KEPT) this.#points.shift();
    this.#drawSoon();
  }

  /** The connection was made anew; the next message is the first on it. */
  reconnect() {
    this.#reconnected = this.#points.length > 0;
  }

  #drawSoon() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#draw();
    });
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = this.#canvas.getContext('2d');
    context.scale(scale, scale);
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    const range = niceRange(this.#points.map(({ value }) => value));
    const x = (index) => MARGIN.left + ((index + KEPT - this.#points.length) / (KEPT - 1)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) => height - MARGIN.bottom - ((value - range.low) / (range.high - range.low)) * (height - MARGIN.top - MARGIN.bottom);
    this.#drawGrid(context, range, y, width, colour);
    this.#drawMarks(context, x, height, colour);
    this.#drawLine(context, x, y, colour);
    this.#describe(range);
  }

  #drawGrid(context, { low, high, step }, y, width, colour) {
    context.font = '12px system-ui, sans-serif';
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.lineWidth = 1;
    context.strokeStyle = colour('edge');
    context.fillStyle = colour('dim');
    for (let at = low; at <= high + step / 2; at += step) {
      context.beginPath();
      context.moveTo(MARGIN.left, y(at));
      context.lineTo(width - MARGIN.right, y(at));
      context.stroke();
      context.fillText(String(Number(at.toPrecision(6))), MARGIN.left - 10, y(at));
    }
  }

  #drawMarks(context, x, height, colour) {
    this.#points.forEach(({ reconnect, gap }, index) => {
      const between = (x(index) + x(index - 1)) / 2;
      if (gap) {
        context.fillStyle = colour('band');
        context.fillRect(between - 6, 0, 12, height);
        context.strokeStyle = colour('bad');
        context.lineWidth = 2;
        context.strokeRect(between - 6, -2, 12, height + 4);
      } else if (reconnect) {
        context.setLineDash([5, 5]);
        context.strokeStyle = colour('dim');
        context.lineWidth = 1.5;
        context.beginPath();
        context.moveTo(between, 0);
        context.lineTo(between, height);
        context.stroke();
        context.setLineDash([]);
      }
    });
  }

  #drawLine(context, x, y, colour) {
    context.strokeStyle = colour('line');
    context.lineWidth = 2;
    context.lineJoin = 'round';
    context.beginPath();
    this.#points.forEach(({ value, gap }, index) => {
      if (gap || index === 0) context.moveTo(x(index), y(value));
      else context.lineTo(x(index), y(value));
    });
    context.stroke();
    this.#points.forEach(({ value, recovered }, index) => {
      const isLast = index === this.#points.length - 1;
      if (!recovered && !isLast) return;
      context.fillStyle = colour(recovered ? 'recovered' : 'line');
      context.beginPath();
      context.arc(x(index), y(value), isLast ? 5 : 3.5, 0, 2 * Math.PI);
      context.fill();
    });
  }

  /** What the drawing shows, for those who do not see it. */
  #describe({ low, high }) {
    const count = (condition) => this.#points.filter(condition).length;
    const last = this.#points.at(-1);
    this.#canvas.setAttribute(
      'aria-label',
      last === undefined
        ? 'Nothing has been drawn yet.'
        : `${this.#points.length} values between ${low} and ${high}, the last is ${last.value}; ` +
            `${count(({ recovered }) => recovered)} recovered, ${count(({ reconnect }) => reconnect)} reconnects, ` +
            `${count(({ gap }) => gap)} gaps.`,
    );
  }
}

/** Round numbers around the values, and a step that divides them into four or five. */
function niceRange(values) {
  if (values.length === 0) return { low: 0, high: 1, step: 0.25 };
  const least = values.reduce((a, b) => Math.min(a, b));
  const most = values.reduce((a, b) => Math.max(a, b));
  const span = most - least || Math.abs(most) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power * 4 >= span);
  return { low: Math.floor(least / step) * step, high: Math.ceil(most / step) * step || step, step };
}
