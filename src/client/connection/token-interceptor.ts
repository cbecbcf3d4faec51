import type { Interceptor } from "@connectrpc/connect";
import type { Credentials } from "../credentials.ts";

/** Sends the present token with each call, and notes which token a failed call had. */
export function createTokenInterceptor(credentials: Credentials): Interceptor {
  return (next) => async (request) => {
    const token = await credentials.current();
    request.header.set("authorization", `Bearer ${token}`);
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: noteErrors(response.message, (error) => credentials.note(error, token)) };
    } catch (error) {
      credentials.note(error, token);
      throw error;
    }
  };
}

/** The same messages; tells the error that they end in. */
async function* noteErrors<T>(messages: AsyncIterable<T>, note: (error: unknown) => void): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    note(error);
    throw error;
  }
}
