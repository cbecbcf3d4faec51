/** TLS to a database: the server's certificate and the name in it are always verified. */
export interface DatabaseTls {
  /** Authorities of the certificate, in PEM; those that Node knows when undefined. */
  ca: string | undefined;
}

/** Options of TLS for the drivers, which compare the name in the certificate with the host that they connect to. */
export function toTlsOptions({ ca }: DatabaseTls) {
  // PostgreSQL 15 itself takes 1.2 and later; its version decides, because some managed servers have no 1.3.
  return { rejectUnauthorized: true, minVersion: "TLSv1.2" as const, ...(ca !== undefined && { ca }) };
}
