/**
 * A port, or an object of ports, with something that happens before each call: `act` gets the method's name and the call's
 * parameters, and is awaited where it returns a promise. A call before which it throws or rejects does nothing and rejects with that.
 */
export function beforeCalls<T extends object>(
  ports: T,
  act: (method: string, parameters: readonly unknown[]) => Promise<void> | void,
): T {
  return new Proxy(ports, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member === "object" && member !== null) return beforeCalls(member, act);
      if (typeof member !== "function") return member;
      return async (...parameters: unknown[]) => {
        const acting = act(String(name), parameters);
        if (acting !== undefined) await acting;
        return await Reflect.apply(member, target, parameters);
      };
    },
  });
}

/** The same ports; `act` is awaited before the first call of one method, with that call's parameters. */
export function beforeFirst<T extends object>(
  ports: T,
  method: string,
  act: (...parameters: readonly unknown[]) => Promise<unknown>,
): T {
  let hasActed = false;
  return beforeCalls(ports, async (name, parameters) => {
    if (name !== method || hasActed) return;
    hasActed = true;
    await act(...parameters);
  });
}
