/** The component that only `drain` reports. */
const SERVER = "server";

/** Something that is wrong with a component of the service. */
export interface ComponentProblem {
  /** For instance "database". */
  readonly component: string;
  /** A sentence without secrets; it may name a bucket. */
  readonly problem: string;
  /** When the component was first reported to have a problem; another problem of it in between changes nothing. */
  readonly since: Date;
  /** The namespaces that cannot be used because of it; none where it concerns all of them. */
  readonly namespaces: readonly string[];
}

/**
 * Whether this replica can do its work, and why not. Every component is a problem until it first reports itself well. After
 * `drain` the replica stays unready for good, whatever its components say.
 *
 * A replica that is ready may be degraded: something is wrong that every replica meets alike, and some of the work can be
 * done. If such replicas were called unready, all would be taken out at once, together with the work that they still can do.
 */
export class Readiness {
  readonly #problems = new Map<string, ComponentProblem>();
  readonly #degradations = new Map<string, ComponentProblem>();
  readonly #listeners = new Set<() => void>();
  readonly #now: () => Date;
  #isDraining = false;

  /** `components` are the names that must report before the replica is ready. */
  constructor(components: readonly string[], { now = () => new Date() } = {}) {
    this.#now = now;
    for (const component of components) this.report(component, "has not been checked yet");
  }

  get isReady(): boolean {
    return this.#problems.size === 0;
  }

  /** Whether `drain` was called: the state will not change any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get problems(): readonly ComponentProblem[] {
    return [...this.#problems.values()];
  }

  /** The problems of a replica that is ready nevertheless. */
  get degradations(): readonly ComponentProblem[] {
    return [...this.#degradations.values()];
  }

  /** Whether one of the components has a problem, with or without which the replica is ready. */
  hasProblem(components: readonly string[]): boolean {
    return components.some((component) => this.#problems.has(component) || this.#degradations.has(component));
  }

  /** Reports a component's state: a sentence that names its problem, or undefined when it is well. */
  report(component: string, problem: string | undefined): void {
    if (this.#isDraining && component === SERVER) return;
    this.#set(this.#problems, component, { problem });
  }

  /** Reports a problem of a component that leaves the replica ready: a sentence that names it, or undefined when it is over. */
  degrade(component: string, problem: string | undefined, { namespaces = [] as readonly string[] } = {}): void {
    this.#set(this.#degradations, component, { problem, namespaces });
  }

  /** Tells that the replica is going away: it is unready from now on, and watches end. */
  drain(): void {
    this.#isDraining = true;
    this.#set(this.#problems, SERVER, { problem: "is shutting down" });
  }

  /** Calls `listener` after every problem that begins, changes or ends, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(
    among: Map<string, ComponentProblem>,
    component: string,
    { problem, namespaces = [] }: { problem: string | undefined; namespaces?: readonly string[] },
  ): void {
    const known = among.get(component);
    if (problem === undefined) among.delete(component);
    else among.set(component, { component, problem, since: known?.since ?? this.#now(), namespaces });
    if (known?.problem === problem) return;
    for (const listener of [...this.#listeners]) listener();
  }
}
