/**
 * A port whose calls may fail: `fault` is asked before each one, by the method's name, and an error it returns rejects the
 * call, which then does nothing. For tests of what callers do when a repository or store is gone.
 */
export function withFaults<T extends object>(port: T, fault: (method: string) => Error | undefined): T {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return async (...parameters: unknown[]) => {
        const error = fault(String(name));
        if (error !== undefined) throw error;
        return await Reflect.apply(member, target, parameters);
      };
    },
  });
}
