// The numbers of the run: unpacked once, then looked up by tensor, step and place.
"use strict";

const ZERO_BOUND = -32768, INFINITE_BOUND = 32767, STEPS_OF_LOG = 16;

async function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const shuffled = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = Kind.BYTES_PER_ELEMENT, count = shuffled.length / size;
  const plain = new Uint8Array(shuffled.length);
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < count; i++) plain[i * size + byte] = shuffled[byte * count + i];
  }
  return new Kind(plain.buffer);
}

class Numbers {
  static async of(data) {
    const numbers = new Numbers();
    const Float = data.dtype === "float32" ? Float32Array : Float64Array;
    numbers.data = data;
    numbers.single = data.dtype === "float32";
    numbers.tensors = new Map(data.tensors.map((t) => [t.name, t]));
    numbers.ours = await unpack(data.ours, Float);
    numbers.ulps = await unpack(data.ulps, Float64Array);
    numbers.bounds = await unpack(data.bounds, Int16Array);
    numbers.place();
    return numbers;
  }

  get steps() { return this.data.rows.length; }

  // Where each tensor of each step begins: in `ours`, and in `ulps` and `bounds`.
  place() {
    const run = (names, step, from) => {
      const starts = new Map();
      for (const name of names) {
        starts.set(name, from);
        from += this.size(name, step);
      }
      return [starts, from];
    };
    let place;
    [this.firstAt, place] = run(this.data.first, 0, 0);
    let twin = 0;
    this.oursAt = [];
    this.theirsAt = [];
    for (let step = 0; step < this.steps; step++) {
      let starts;
      [starts, place] = run(this.data.stored, step, place);
      this.oursAt.push(starts);
      [starts, twin] = run(this.data.both, step, twin);
      this.theirsAt.push(starts);
    }
  }

  tensor(name) { return this.tensors.get(name); }

  shape(name, step) {
    return this.tensor(name).indices.map(([, size]) => (size === "N" ? this.data.rows[step] : size));
  }

  size(name, step) { return this.shape(name, step).reduce((a, b) => a * b, 1); }

  flat(name, step, index) {
    return this.shape(name, step).reduce((place, size, axis) => place * size + index[axis], 0);
  }

  // A number of refnn: read, or computed by the tensor's own formula.
  at(name, step, index) {
    const scalar = this.data.scalars[step][name];
    if (scalar !== undefined) return scalar;
    const flat = this.flat(name, step, index);
    if (this.oursAt[step].has(name)) return this.ours[this.oursAt[step].get(name) + flat];
    if (this.firstAt.has(name)) {
      return step ? this.at(`${name}'`, step - 1, index) : this.ours[this.firstAt.get(name) + flat];
    }
    return evaluate(this, this.tensor(name).formula, this.places(name, index), step).value;
  }

  places(name, index) {
    return Object.fromEntries(this.tensor(name).indices.map(([letter], axis) => [letter, index[axis]]));
  }

  isWeak(name) { return this.data.scalars[0][name] !== undefined; }

  hasTwin(name) { return this.data.both.includes(name); }

  // TensorFlow's number, its distance in ulp, and the bound of one side.
  twin(name, step, index) {
    if (!this.hasTwin(name)) return null;
    const place = this.theirsAt[step].get(name) + this.flat(name, step, index);
    const ours = this.at(name, step, index), code = this.bounds[place];
    const escaped = this.data.escapes[place], ulps = this.ulps[place];
    const value = escaped === undefined ? moved(ours, ulps, this.single) : Number(escaped);
    const bound = code === INFINITE_BOUND ? Infinity : code === ZERO_BOUND ? 0 : 2 ** (code / STEPS_OF_LOG);
    return { value, ulps: escaped === undefined ? ulps : Infinity, bound };
  }

  isWrong(name, step, flat) {
    const wrong = this.data.verdicts[step].wrong[name];
    return Boolean(wrong) && wrong.places.includes(flat);
  }

  each(name, step, visit) {
    const shape = this.shape(name, step), index = shape.map(() => 0);
    for (let flat = 0, size = this.size(name, step); flat < size; flat++) {
      visit(this.at(name, step, index), [...index], flat);
      for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
    }
  }
}

const bits = new DataView(new ArrayBuffer(8));

// The number so many ulps away: floating-point numbers in their order are whole numbers in theirs.
function moved(value, ulps, single) {
  if (!ulps) return value;
  if (single) {
    bits.setFloat32(0, value);
    const order = (i) => (i < 0 ? -(2 ** 31) - i : i);
    bits.setInt32(0, order(order(bits.getInt32(0)) + ulps));
    return bits.getFloat32(0);
  }
  bits.setFloat64(0, value);
  const order = (i) => (i < 0n ? -(2n ** 63n) - i : i);
  bits.setBigInt64(0, order(order(bits.getBigInt64(0)) + BigInt(ulps)));
  return bits.getFloat64(0);
}

// The fewest digits that read back as the same number.
function digits(value, single) {
  if (Object.is(value, -0)) return "-0";
  if (!single || !Number.isFinite(value)) return String(value);
  for (let precision = 1; precision < 10; precision++) {
    const short = Number(value.toPrecision(precision));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

function minus(text) { return String(text).replace(/-/g, "−"); }

// Three digits, in at most five letters.
function cellText(value) {
  if (value === 0) return "0";
  const size = Math.abs(value), sign = value < 0 ? "−" : "";
  if (size >= 9995 || size < 0.000995) {
    const [head, tail] = size.toExponential(0).split("e");
    return `${sign}${head}e${minus(Number(tail))}`;
  }
  if (size < 0.9995) return sign + size.toFixed(3).slice(1);
  return sign + size.toPrecision(3).slice(0, 4).replace(/\.$/, "");
}

// As Python's float.hex().
function hexadecimal(value) {
  if (!Number.isFinite(value)) return String(value);
  bits.setFloat64(0, value);
  const all = bits.getBigUint64(0), sign = all >> 63n ? "-" : "";
  const exponent = Number((all >> 52n) & 0x7ffn), rest = (all & 0xfffffffffffffn).toString(16).padStart(13, "0");
  if (!exponent && rest === "0000000000000") return `${sign}0x0.0p+0`;
  const power = exponent ? exponent - 1023 : -1022;
  return `${sign}0x${exponent ? 1 : 0}.${rest}p${power < 0 ? "-" : "+"}${Math.abs(power)}`;
}

function placeText(name, index) { return index.length ? `${name}[${index.join(", ")}]` : name; }
