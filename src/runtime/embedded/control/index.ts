/** Control sockets: the server that hosts and wardens share, and the way from a run to its live host. */
export { callControl, callHost, clearDeadHost, type HostEntry, type HostReply, readHostFile, serveHost } from './host-file.ts';
export {
  type ControlAnswer,
  type ControlHandler,
  type ControlRequest,
  type ControlServer,
  REQUEST_BYTES_MAX,
  serveControl,
} from './server.ts';
