// The search runs in a worker, and browsers start none for pages that are opened from the disk. There, a hidden frame
// does its work instead. (Material's offline plugin would fetch a library for it from elsewhere.)
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(place) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      this.waiting = [];
      const tell = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.inside.postMessage = tell;
      this.inside.importScripts = () => {};
      const script = this.inside.document.createElement("script");
      script.src = place;
      script.onload = () => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach((data) => this.postMessage(data));
      };
      this.inside.document.body.append(script);
    }
    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data }));
    }
    terminate() {}
  };
}
