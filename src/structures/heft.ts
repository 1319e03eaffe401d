/**
 * Static schedules of a DAG on P heterogeneous processors with communication costs: HEFT with insertion (and without,
 * as the baseline it is measured against), CPOP, and greedy list scheduling in virtual time, the one that obeys
 * T_P <= T1/P + Tinf on equal processors without communication. Returns a plan as data; it runs nothing.
 * Costs are non-negative; `Infinity` says that a processor cannot run the task. Deterministic: ties go to the smaller
 * task index, then the smaller processor. Only + - * / on floats, so that every engine gives the same plan.
 * Source: Topcuoglu, Hariri, Wu, IEEE TPDS 13(3), 2002; Graham 1969 for the greedy bound.
 */
import { assert } from '../kernel/index.ts';
import type { Dag } from './dag.ts';

export interface ScheduleProblem {
  /** Edge weights are the time to hand a result to another processor; on the same one it is free. */
  readonly dag: Dag;
  readonly processors: number;
  /** Run time of task i on processor p at [i * processors + p]. */
  readonly cost: Float64Array;
}

export interface Schedule {
  readonly start: Float64Array;
  readonly finish: Float64Array;
  readonly processor: Int32Array;
  readonly makespan: number;
  /** Tasks in the order in which they were placed. */
  readonly order: Int32Array;
}

export interface Bounds {
  /** Longest chain, each task on its fastest processor, communication free: nothing ends earlier. */
  readonly criticalPath: readonly number[];
  readonly criticalLength: number;
  /** All work on the fastest processors divided by their number. */
  readonly area: number;
  /** max(criticalLength, area). */
  readonly lower: number;
  /** All tasks on the one processor that does them soonest; Infinity when none can run them all. */
  readonly sequential: number;
}

/** Mean over the processors that can run the task. Every task must have at least one. O(tasks x processors). */
function meanCosts({ dag, processors, cost }: ScheduleProblem): Float64Array {
  assert(cost.length === dag.size * processors, `cost holds ${cost.length} entries, not ${dag.size} x ${processors}`);
  const mean = new Float64Array(dag.size);
  for (let i = 0; i < dag.size; i++) {
    let sum = 0;
    let able = 0;
    for (let p = 0; p < processors; p++) {
      const c = cost[i * processors + p]!;
      if (c === Infinity) continue;
      sum += c;
      able++;
    }
    assert(able > 0, `no processor can run task ${i}`);
    mean[i] = sum / able;
  }
  return mean;
}

/** Length of the longest way to the end, own mean cost and communication included. O(tasks x processors + edges). */
export function upwardRanks(problem: ScheduleProblem): Float64Array {
  return upward(problem.dag, meanCosts(problem));
}

function upward(dag: Dag, mean: Float64Array): Float64Array {
  const rank = new Float64Array(dag.size);
  for (let at = dag.size - 1; at >= 0; at--) {
    const i = dag.order[at]!;
    let longest = 0;
    for (let e = dag.successorStart[i]!; e < dag.successorStart[i + 1]!; e++) {
      const way = dag.successorWeight[e]! + rank[dag.successor[e]!]!;
      if (way > longest) longest = way;
    }
    rank[i] = mean[i]! + longest;
  }
  return rank;
}

/** Length of the longest way from an entry to the task, its own cost not included. */
function downward(dag: Dag, mean: Float64Array): Float64Array {
  const rank = new Float64Array(dag.size);
  for (const i of dag.order) {
    for (let e = dag.predecessorStart[i]!; e < dag.predecessorStart[i + 1]!; e++) {
      const j = dag.predecessor[e]!;
      const way = rank[j]! + mean[j]! + dag.predecessorWeight[e]!;
      if (way > rank[i]!) rank[i] = way;
    }
  }
  return rank;
}

/** Largest rank first. With costs of 0 a task may tie with what it needs: depth keeps needs first, then the index decides. */
function byRank(dag: Dag, rank: Float64Array): Int32Array {
  const order = new Int32Array(dag.size);
  for (let i = 0; i < dag.size; i++) order[i] = i;
  return order.toSorted((a, b) => rank[b]! - rank[a]! || dag.depth[a]! - dag.depth[b]! || a - b);
}

/**
 * The plan while it grows: per processor the idle gaps in order of time, the last one open-ended. Gaps instead of
 * intervals because a tight plan has few of them.
 */
class Placement {
  readonly start: Float64Array;
  readonly finish: Float64Array;
  readonly processor: Int32Array;
  makespan = 0;
  readonly #problem: ScheduleProblem;
  readonly #insertion: boolean;
  readonly #gapStart: number[][] = [];
  readonly #gapEnd: number[][] = [];
  readonly #local: Float64Array; // latest finish of a predecessor on that processor

  constructor(problem: ScheduleProblem, insertion: boolean) {
    const { dag, processors } = problem;
    this.#problem = problem;
    this.#insertion = insertion;
    this.start = new Float64Array(dag.size);
    this.finish = new Float64Array(dag.size);
    this.processor = new Int32Array(dag.size);
    this.#local = new Float64Array(processors);
    for (let p = 0; p < processors; p++) {
      this.#gapStart.push([0]);
      this.#gapEnd.push([Infinity]);
    }
  }

  /** Puts the task where it finishes first, or on `only`. All its predecessors must have been placed. */
  place(i: number, only = -1): void {
    const { dag, processors, cost } = this.#problem;
    const local = this.#local.fill(0);
    // The latest arrival from elsewhere depends on the processor asked about only if that one is the sender:
    // the best arrival and the best from any other sender answer for all processors at once.
    let remote = 0;
    let remoteFrom = -1;
    let remoteElse = 0;
    for (let e = dag.predecessorStart[i]!; e < dag.predecessorStart[i + 1]!; e++) {
      const j = dag.predecessor[e]!;
      const p = this.processor[j]!;
      const done = this.finish[j]!;
      if (done > local[p]!) local[p] = done;
      const arrival = done + dag.predecessorWeight[e]!;
      if (p === remoteFrom) {
        if (arrival > remote) remote = arrival;
      } else if (arrival > remote) {
        remoteElse = remote;
        remote = arrival;
        remoteFrom = p;
      } else if (arrival > remoteElse) remoteElse = arrival;
    }
    let best = Infinity;
    let bestProcessor = -1;
    let bestGap = -1;
    const from = only < 0 ? 0 : only;
    const until = only < 0 ? processors : only + 1;
    for (let p = from; p < until; p++) {
      const c = cost[i * processors + p]!;
      const ready = Math.max(local[p]!, p === remoteFrom ? remoteElse : remote);
      if (ready + c >= best) continue; // also where it cannot run
      const gap = this.#gapFor(p, ready, c);
      const finish = Math.max(this.#gapStart[p]![gap]!, ready) + c;
      if (finish < best) {
        best = finish;
        bestProcessor = p;
        bestGap = gap;
      }
    }
    assert(bestProcessor >= 0, `no processor can run task ${i}`);
    const start = Math.max(
      this.#gapStart[bestProcessor]![bestGap]!,
      local[bestProcessor]!,
      bestProcessor === remoteFrom ? remoteElse : remote,
    );
    this.start[i] = start;
    this.finish[i] = best;
    this.processor[i] = bestProcessor;
    if (best > this.makespan) this.makespan = best;
    this.#take(bestProcessor, bestGap, start, best);
  }

  /** First gap of processor p that holds `c` from `ready` on. */
  #gapFor(p: number, ready: number, c: number): number {
    const starts = this.#gapStart[p]!;
    const ends = this.#gapEnd[p]!;
    if (!this.#insertion) return starts.length - 1;
    let low = 0;
    let high = starts.length - 1; // the open-ended gap always fits
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! < ready + c) low = middle + 1;
      else high = middle;
    }
    while (Math.max(starts[low]!, ready) + c > ends[low]!) low++;
    return low;
  }

  #take(p: number, gap: number, start: number, finish: number): void {
    const starts = this.#gapStart[p]!;
    const ends = this.#gapEnd[p]!;
    const before = start > starts[gap]!;
    const after = finish < ends[gap]!;
    if (before && after) {
      starts.splice(gap + 1, 0, finish);
      ends.splice(gap, 0, start);
    } else if (before) ends[gap] = start;
    else if (after) starts[gap] = finish;
    else {
      starts.splice(gap, 1);
      ends.splice(gap, 1);
    }
  }

  done(order: Int32Array): Schedule {
    return { start: this.start, finish: this.finish, processor: this.processor, makespan: this.makespan, order };
  }
}

/** Heterogeneous Earliest Finish Time. O(edges + tasks x processors x gaps looked at). */
export function heft(problem: ScheduleProblem, options: { readonly insertion: boolean } = { insertion: true }): Schedule {
  const order = byRank(problem.dag, upwardRanks(problem));
  const placement = new Placement(problem, options.insertion);
  for (const i of order) placement.place(i);
  return placement.done(order);
}

/** Critical Path On a Processor: the tasks of the critical path share the processor that does them soonest. */
export function cpop(problem: ScheduleProblem): Schedule {
  const { dag, processors, cost } = problem;
  const mean = meanCosts(problem);
  const up = upward(dag, mean);
  const down = downward(dag, mean);
  const priority = up.map((rank, i) => rank + down[i]!);
  const path = walkDown(dag, priority);
  const critical = new Uint8Array(dag.size);
  for (const i of path) critical[i] = 1;
  let home = -1;
  let least = Infinity;
  for (let p = 0; p < processors; p++) {
    const sum = path.reduce((total, i) => total + cost[i * processors + p]!, 0);
    if (sum < least) {
      least = sum;
      home = p;
    }
  }
  const placement = new Placement(problem, true);
  const order = new Int32Array(dag.size);
  const ready = new ReadyQueue(dag, priority);
  for (let n = 0; n < dag.size; n++) {
    const i = ready.take();
    // No processor runs the whole path: each of its tasks goes where it finishes first, like the others.
    placement.place(i, critical[i] === 1 ? home : -1);
    order[n] = i;
    ready.placed(i);
  }
  return placement.done(order);
}

/** From the entry with the largest priority along the successor with the largest: equality of floats is never asked. */
function walkDown(dag: Dag, priority: Float64Array): number[] {
  const path: number[] = [];
  let at = -1;
  for (let i = 0; i < dag.size; i++) {
    const entry = dag.predecessorStart[i] === dag.predecessorStart[i + 1];
    if (entry && (at < 0 || priority[i]! > priority[at]!)) at = i;
  }
  while (at >= 0) {
    path.push(at);
    let next = -1;
    for (let e = dag.successorStart[at]!; e < dag.successorStart[at + 1]!; e++) {
      const j = dag.successor[e]!;
      if (next < 0 || priority[j]! > priority[next]! || (priority[j] === priority[next] && j < next)) next = j;
    }
    at = next;
  }
  return path;
}

/** Tasks whose predecessors were all placed, largest priority first: a binary heap. */
class ReadyQueue {
  readonly #dag: Dag;
  readonly #priority: Float64Array;
  readonly #waiting: Int32Array;
  readonly #heap: number[] = [];

  constructor(dag: Dag, priority: Float64Array) {
    this.#dag = dag;
    this.#priority = priority;
    this.#waiting = new Int32Array(dag.size);
    for (let i = 0; i < dag.size; i++) {
      this.#waiting[i] = dag.predecessorStart[i + 1]! - dag.predecessorStart[i]!;
      if (this.#waiting[i] === 0) this.#add(i);
    }
  }

  get size(): number {
    return this.#heap.length;
  }

  placed(i: number): void {
    for (let e = this.#dag.successorStart[i]!; e < this.#dag.successorStart[i + 1]!; e++) {
      const j = this.#dag.successor[e]!;
      if (--this.#waiting[j]! === 0) this.#add(j);
    }
  }

  take(): number {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }

  #add(i: number): void {
    const heap = this.#heap;
    let at = heap.push(i) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(i, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = i;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#priority[a]! - this.#priority[b]!;
    return difference > 0 || (difference === 0 && a < b);
  }
}

/**
 * Greedy list scheduling on equal processors without communication: no processor is idle while a task is ready, the
 * largest upward rank goes first. What a fleet that pulls work does in the end. `cost` has one entry per task.
 */
export function greedy(dag: Dag, processors: number, cost: Float64Array): Schedule {
  const ready = new ReadyQueue(dag, upward(dag, cost));
  const start = new Float64Array(dag.size);
  const finish = new Float64Array(dag.size);
  const processor = new Int32Array(dag.size);
  const order = new Int32Array(dag.size);
  const running = new Int32Array(processors).fill(-1);
  let now = 0;
  let makespan = 0;
  let placed = 0;
  for (let done = 0; done < dag.size;) {
    for (let p = 0; p < processors && ready.size > 0; p++) {
      if (running[p]! >= 0) continue;
      const i = ready.take();
      running[p] = i;
      processor[i] = p;
      start[i] = now;
      finish[i] = now + cost[i]!;
      order[placed++] = i;
    }
    now = Infinity;
    for (const i of running) if (i >= 0 && finish[i]! < now) now = finish[i]!;
    makespan = now;
    for (let p = 0; p < processors; p++) {
      const i = running[p]!;
      if (i < 0 || finish[i]! > now) continue;
      running[p] = -1;
      done++;
      ready.placed(i);
    }
  }
  return { start, finish, processor, makespan, order };
}

/** What no schedule of this problem can beat, and what one processor would need. */
export function bounds(problem: ScheduleProblem): Bounds {
  const { dag, processors, cost } = problem;
  const least = new Float64Array(dag.size).fill(Infinity);
  const alone = new Float64Array(processors);
  let work = 0;
  for (let i = 0; i < dag.size; i++) {
    for (let p = 0; p < processors; p++) {
      const c = cost[i * processors + p]!;
      alone[p]! += c;
      if (c < least[i]!) least[i] = c;
    }
    work += least[i]!;
  }
  const length = new Float64Array(dag.size);
  const next = new Int32Array(dag.size).fill(-1);
  let first = -1;
  for (let at = dag.size - 1; at >= 0; at--) {
    const i = dag.order[at]!;
    let longest = 0;
    for (let e = dag.successorStart[i]!; e < dag.successorStart[i + 1]!; e++) {
      const j = dag.successor[e]!;
      if (next[i]! < 0 || length[j]! > longest || (length[j] === longest && j < next[i]!)) {
        next[i] = j;
        longest = length[j]!;
      }
    }
    length[i] = least[i]! + longest;
    if (first < 0 || length[i] > length[first]! || (length[i] === length[first] && i < first)) first = i;
  }
  const criticalPath: number[] = [];
  for (let i = first; i >= 0; i = next[i]!) criticalPath.push(i);
  const criticalLength = first < 0 ? 0 : length[first]!;
  const area = work / processors;
  return {
    criticalPath,
    criticalLength,
    area,
    lower: Math.max(criticalLength, area),
    sequential: alone.reduce((a, b) => Math.min(a, b), Infinity),
  };
}

/** How many times sooner than the best single processor; 1 for an empty plan. */
export function speedup(schedule: Schedule, limits: Bounds): number {
  return schedule.makespan === 0 ? 1 : limits.sequential / schedule.makespan;
}
