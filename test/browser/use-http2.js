// Evaluated in a page: what a browser does with one connection.
// oxlint-disable-next-line typescript/no-floating-promises -- the promise is the value of the script
(async () => {
  const [navigation] = performance.getEntriesByType("navigation");
  const upload = await fetch("/", { method: "POST", body: "x".repeat(300_000) });
  let cancelled = 0;
  for (let round = 0; round < 5; round++) {
    const controller = new AbortController();
    const all = Array.from({ length: 40 }, () =>
      fetch("/hang", { signal: controller.signal, cache: "no-store" }).catch(
        () => (cancelled += 1),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort();
    await Promise.all(all);
  }
  const after = await fetch("/after");
  const echoed = await new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/socket`);
    socket.onopen = () => socket.send("hello");
    socket.onmessage = (event) => resolve(event.data);
    socket.onerror = reject;
  });
  return {
    protocol: navigation.nextHopProtocol,
    uploaded: await upload.text(),
    cancelled,
    after: after.status,
    echoed,
  };
})();
