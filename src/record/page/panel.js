// The panel beside the timeline: the findings, the tasks and the selection, as text.

class Panel {
  constructor(page) {
    this.page = page;
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.choose(tab));
      tab.addEventListener("keydown", (event) => this.key(event));
    }
    this.fillFindings();
    this.fillTasks();
    this.fillDetails(null);
  }

  choose(chosen) {
    for (const tab of this.tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = this.tabs[(this.tabs.indexOf(event.target) + step + this.tabs.length) % this.tabs.length];
    this.choose(next);
    next.focus();
    event.preventDefault();
  }

  fillFindings() {
    const { findings, model } = this.page;
    const panel = document.getElementById("panel-findings");
    this.tabs[0].textContent = `Findings (${findings.length})`;
    if (model.data.lost > 0) {
      panel.append(element("p", "note", `The ring had no room for ${counted(model.data.lost, "earlier event")}. This page shows only the later events.`));
    }
    if (findings.length === 0) {
      panel.append(element("p", "note", "No findings: no poll was long, no task waited long for the thread, and no timer was late."));
      return;
    }
    const list = element("ol", "findings");
    this.findings = findings.map((finding, i) => {
      const button = element("button", `finding ${finding.kind}`);
      button.type = "button";
      button.append(element("span", "kind", finding.label), element("span", "what", finding.title));
      if (finding.detail) button.append(element("span", "detail", finding.detail));
      button.append(element("span", "when", `at ${moment(finding.at, 1000)}${finding.count > 1 && finding.kind !== "vain" ? `, the worst of ${number(finding.count)}` : ""}`));
      button.addEventListener("click", () => this.page.showFinding(i));
      const item = element("li");
      item.append(button);
      list.append(item);
      return button;
    });
    panel.append(list);
  }

  mark(i) {
    this.findings?.forEach((button, place) => {
      if (place === i) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    const button = this.findings?.[i];
    const panel = document.getElementById("panel-findings");
    // If the panel does not scroll by itself, this would move the timeline out of view.
    if (button && !panel.hidden && panel.scrollHeight > panel.clientHeight) button.scrollIntoView({ block: "nearest" });
  }

  fillTasks() {
    const { model } = this.page;
    const panel = document.getElementById("panel-tasks");
    const lanes = [...model.tasks.values()].sort((one, other) => other.running - one.running);
    this.tabs[1].textContent = `Tasks (${number(lanes.length)})`;
    const most = 300;
    const table = element("table");
    table.append(element("caption", "note", lanes.length > most ? `The ${most} tasks with the longest time in polls.` : "Sorted by the time in polls."));
    const head = element("tr");
    for (const name of ["task", "polls", "in polls", "longest poll", "longest ready"]) {
      const cell = element("th", "", name);
      cell.scope = "col";
      head.append(cell);
    }
    const body = element("tbody");
    for (const lane of lanes.slice(0, most)) body.append(this.taskRow(lane));
    const top = element("thead");
    top.append(head);
    table.append(top, body);
    panel.append(table);
  }

  taskRow(lane) {
    const info = this.page.model.info.get(lane.number);
    const row = element("tr");
    const first = element("th");
    first.scope = "row";
    const button = element("button", "name", info?.name ? `${lane.number} ${info.name}` : String(lane.number));
    button.type = "button";
    if (info?.line) button.title = info.line;
    button.addEventListener("click", () => this.page.showLane(lane));
    first.append(button);
    row.append(first);
    for (const text of [number(lane.polls), span(lane.running), span(lane.longest), span(lane.slowest)]) row.append(element("td", "", text));
    return row;
  }

  fillDetails(spot) {
    const panel = document.getElementById("panel-details");
    panel.replaceChildren();
    if (spot === null) {
      panel.append(element("p", "note", "Click a bar to see its details. Double-click a bar to zoom to it."));
      return;
    }
    const { teller } = this.page;
    panel.append(element("p", "", teller.at(spot.lane, spot.time)));
    if (spot.span === NONE) return;
    const list = element("dl");
    for (const [label, fact] of teller.facts(spot.lane, spot.span)) {
      const row = element("div");
      row.append(element("dt", "", label));
      for (const text of Array.isArray(fact) ? fact : [fact]) row.append(element("dd", "", text));
      list.append(row);
    }
    panel.append(list);
    panel.append(this.jumps(spot));
  }

  // The buttons that jump to related events.
  jumps(spot) {
    const { page } = this;
    const { arrowOf, events } = page.model;
    const row = element("p", "jumps");
    const jump = (text, lane, time) => {
      const button = element("button", "", text);
      button.type = "button";
      button.addEventListener("click", () => page.jump(lane, time));
      row.append(button);
    };
    const { lane, span: i } = spot;
    const arrow = arrowOf.get(lane.from[i]) ?? (page.teller.wokenBy(lane, i) === NONE ? undefined : arrowOf.get(lane.to[i]));
    if (arrow) jump("to its wake", arrow.from, events.at[arrow.wake]);
    if (arrow && arrow.poll !== NONE && lane.from[i] !== arrow.poll) jump("to its poll", arrow.to, events.at[arrow.poll]);
    if (lane.kind === "loop" && lane.kinds[i] === SPAN.poll) jump("to its task", page.model.task(page.teller.polled(i)), lane.starts[i]);
    if (lane.kind === "task" && lane.kinds[i] === SPAN.ready) jump("to the lane of the thread", page.model.loop, (lane.starts[i] + lane.ends[i]) / 2);
    return row;
  }
}

// The text is inserted as text, so the name of a task is never markup.
function element(tag, name = "", text = null) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== null) made.textContent = text;
  return made;
}
