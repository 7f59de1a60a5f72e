import { openTcp } from "../open-socket.ts";
import { untilDone, type Probe, type ProbeTerms } from "./probe.ts";

/** Connects and closes. */
export function createTcpProbe(terms: ProbeTerms): Probe {
  return (member, signal) => {
    const socket = openTcp(member.target, terms.socket);
    return untilDone(socket, signal, (done) => {
      socket.once("connect", () => {
        // A target that waits for the header would take its absence for an attack.
        if (terms.preface !== "") socket.write(terms.preface, "latin1");
        done(undefined);
      });
    });
  };
}
