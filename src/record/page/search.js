// The search finds a task by its number, its name or the line that spawned it, and an event by its kind.

class Search {
  constructor(page) {
    this.page = page;
    this.query = document.getElementById("query");
    this.found = document.getElementById("found");
    this.hits = [];
    this.place = NONE;
    this.query.addEventListener("input", () => this.look());
    document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
    this.query.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      this.query.value = "";
      this.look();
      this.page.canvas.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  look() {
    const words = this.query.value.trim().toLowerCase();
    this.place = NONE;
    this.hits = words === "" ? [] : [...this.tasks(words), ...this.events(words)];
    if (words === "") this.found.textContent = "";
    else if (this.hits.length === 0) this.found.textContent = "none";
    else this.step(1);
  }

  tasks(words) {
    const { model } = this.page;
    const wanted = words.match(/^(?:task |#)?(\d+)$/)?.[1];
    const hits = [];
    for (const lane of model.tasks.values()) {
      const { name, line } = model.info.get(lane.number) ?? {};
      const fits = wanted === undefined
        ? [name, line].some((text) => text?.toLowerCase().includes(words))
        : String(lane.number) === wanted;
      if (fits) hits.push({ lane, event: NONE });
    }
    return hits;
  }

  // For words like "wake", "job ends", "panic" or "cancelled".
  events(words) {
    if (words.length < 3) return [];
    const { model } = this.page;
    const { code, b, count } = model.events;
    const codes = new Set(CODES.flatMap((name, place) => (name.startsWith(words) ? [place] : [])));
    const end = ENDS.findIndex((name) => name.split(" ").some((word) => word.startsWith(words)));
    const hits = [];
    for (let i = 0; i < count; i++) {
      if (codes.has(code[i]) || (code[i] === CODE.finish && end !== -1 && b[i] === end)) {
        hits.push({ lane: this.page.laneOf(i), event: i });
      }
    }
    return hits;
  }

  step(by) {
    if (this.hits.length === 0) return;
    this.place = (this.place + by + this.hits.length) % this.hits.length;
    const { lane, event } = this.hits[this.place];
    this.found.textContent = `${number(this.place + 1)} of ${number(this.hits.length)}`;
    if (event === NONE) this.page.showLane(lane);
    else this.page.jump(lane, this.page.model.events.at[event]);
  }
}
