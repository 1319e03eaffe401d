/**
 * How the page looks: a dark cockpit in which healthy recedes and exceptions shine. State colours are used for state only, shape
 * doubles colour, selection and critical path are ink. Light and dark are one list of tokens; every pair is held apart for
 * eyes that see fewer colours by style.test.ts.
 */

/** Name -> light, dark. */
export const TOKENS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  bg: ['#f6f8f9', '#0a0d10'],
  panel: ['#ffffff', '#10151a'],
  raise: ['#eef2f4', '#182027'],
  line: ['#dfe5e9', '#1f282f'],
  line2: ['#c3cdd3', '#2d3941'],
  ink: ['#10191f', '#e8eef1'],
  ink2: ['#475863', '#a3b3bc'],
  ink3: ['#566873', '#84959f'],
  ready: ['#3d8fb0', '#2a7897'],
  'ready-ink': ['#0f6a89', '#6fc3df'],
  transit: ['#bd8200', '#f2b63c'],
  'transit-ink': ['#8a5800', '#f2b63c'],
  conflict: ['#9a1594', '#c86bff'],
  'conflict-ink': ['#8a1285', '#d9a6ff'],
  open: ['#b3200f', '#ef5a34'],
  'open-ink': ['#a32410', '#ff8a6b'],
  frozen: ['#24465a', '#cfe3ee'],
  lost: ['#c9d1d6', '#39424a'],
  ghost: ['#8b9aa3', '#5b6b75'],
  'on-ready': ['#04181f', '#ffffff'],
  'on-check': ['#ffffff', '#04181f'],
  'on-transit': ['#1a1200', '#1a1200'],
  new: ['#e3f1f6', '#0f2631'],
  'new-word': ['#b5dceb', '#1c4c62'],
  old: ['#eceff1', '#181d22'],
  'old-word': ['#d5dbdf', '#333d45'],
};

const tokens = Object.entries(TOKENS)
  .map(([name, [light, dark]]) => `--${name}:light-dark(${light},${dark});`)
  .join('');

export const STYLE: string = `
:root{color-scheme:light dark;${tokens}
  --sans:Inter,system-ui,"Segoe UI",Roboto,sans-serif;--mono:"JetBrains Mono",ui-monospace,"SF Mono",Menlo,Consolas,monospace}
:root[data-theme=light]{color-scheme:light}
:root[data-theme=dark]{color-scheme:dark}
*{box-sizing:border-box;margin:0}
html{scroll-padding-top:64px;-webkit-text-size-adjust:100%}
body{background:var(--bg);color:var(--ink);font:400 13px/1.5 var(--sans);-webkit-font-smoothing:antialiased;font-variant-numeric:tabular-nums}
code,pre,kbd,ins,del,.mono{font-family:var(--mono);font-size:12px}
b,strong{font-weight:600}
a{color:inherit;text-decoration:underline;text-decoration-color:var(--line2);text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
button{font:inherit;color:inherit;background:none;border:0;cursor:pointer}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px;border-radius:3px}
[tabindex="-1"]:focus{outline:none}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;z-index:9;background:var(--ink);color:var(--bg);padding:6px 10px}
.dim{color:var(--ink3)}.open{color:var(--open-ink)}.ready{color:var(--ready-ink)}.transit{color:var(--transit-ink)}.conflict{color:var(--conflict-ink)}
.hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
kbd{font-size:10.5px;line-height:16px;min-width:18px;padding:0 4px;display:inline-block;text-align:center;border:1px solid var(--line2);border-radius:3px;color:var(--ink3)}

.top{position:sticky;top:0;z-index:5;height:52px;display:flex;align-items:center;gap:20px;padding:0 28px;background:var(--bg);border-bottom:1px solid var(--line)}
.brand{display:flex;align-items:center;gap:10px;font-size:16px;font-weight:600;letter-spacing:-.01em}
.top nav{display:flex;gap:2px;overflow-x:auto;scrollbar-width:none}
.top nav a{padding:5px 9px;border-radius:5px;color:var(--ink2);text-decoration:none;white-space:nowrap}.top nav a:hover{background:var(--raise);color:var(--ink)}
.tools{margin-left:auto;display:flex;gap:6px;flex:none}
.tools button{display:flex;gap:7px;align-items:center;height:30px;padding:0 10px;border:1px solid var(--line2);border-radius:6px;color:var(--ink2)}.tools button:hover{background:var(--raise)}
html:not(.js) .needs-js{display:none!important}

main{max-width:1240px;margin:0 auto;padding:34px 28px 40px}
h1{margin-top:12px;font-size:26px;line-height:1.2;font-weight:600;letter-spacing:-.022em;text-wrap:balance;max-width:32em}
.lede{margin-top:10px;font-size:15px;line-height:1.55;color:var(--ink2);max-width:52em;text-wrap:pretty}.lede b{color:var(--ink)}
.whose{margin-top:10px;color:var(--ink3)}
.pill{display:inline-flex;gap:7px;align-items:center;font-size:11px;font-weight:600;letter-spacing:.05em;text-transform:uppercase;padding:2px 10px 2px 8px;border-radius:99px;border:1px solid currentColor;white-space:nowrap}
.pill i{width:7px;height:7px;background:currentColor;border-radius:50%}.pill.open i{border-radius:0}.pill.transit i{background:none;border:2px solid currentColor}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(124px,1fr));gap:18px 24px;margin:26px 0 0;padding:18px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
.facts dt{font-size:11px;color:var(--ink3)}.facts dd{font-size:19px;letter-spacing:-.01em;line-height:1.3}.facts small{font-size:12px;color:var(--ink3);letter-spacing:0}

section{margin-top:44px}
h2{font-size:19px;line-height:1.2;font-weight:600;letter-spacing:-.015em;display:flex;gap:10px;align-items:baseline;flex-wrap:wrap}
h2 small{font-size:13px;font-weight:400;color:var(--ink3);letter-spacing:0}
h3{font-size:14px;font-weight:600;line-height:1.35}
section>.scroll{margin-top:12px}
section>p{margin-top:6px;color:var(--ink2);max-width:62em}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;list-style:none;padding:0;margin:12px 0 0;font-size:12px;color:var(--ink2)}.legend li{display:flex;gap:7px;align-items:center}
.tk{width:14px;height:9px;border-radius:2px;display:inline-block;flex:none}
.tk.landed{background:var(--ready)}.tk.check{background:var(--ready-ink)}.tk.running{background:var(--transit)}
.tk.refused{background:repeating-linear-gradient(135deg,var(--open) 0 2px,transparent 2px 4px);border:1px solid var(--open)}
.tk.conflict{background:var(--conflict);width:9px;transform:rotate(45deg) scale(.8);border-radius:0}.tk.waiting{border:1px dashed var(--ghost)}.tk.left{border:2px solid var(--open);border-radius:2px}.tk.beaten{background:var(--lost)}.tk.crit{height:2px;background:var(--ink)}

.scroll{position:relative;overflow-x:auto;scrollbar-width:thin}
figure{margin-top:14px}
svg{display:block}svg text{font-family:var(--sans);font-size:11px;fill:var(--ink3);font-variant-numeric:tabular-nums}
.graph{border-top:1px solid var(--line);border-bottom:1px solid var(--line);padding:14px 0}
.graph svg{margin:0 auto}
.edge{fill:none;stroke:var(--line2);stroke-width:1}.edge.crit{stroke:var(--ink);stroke-width:1.75}
.node rect{stroke-width:1}.node text{font-size:10.5px;font-weight:500}
.s-landed rect{fill:var(--ready)}.s-landed text{fill:var(--on-ready)}
.s-left rect{fill:var(--bg);stroke:var(--open);stroke-width:1.5}.s-left text{fill:var(--open-ink)}
.s-waiting rect{fill:var(--bg);stroke:var(--ghost);stroke-dasharray:3 2}.s-waiting text{fill:var(--ink3)}
.s-running rect{fill:var(--transit)}.s-running text{fill:var(--on-transit)}
.node.crit rect{stroke:var(--ink);stroke-width:1.5}
.chips{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:6px}
.chip{display:inline-block;max-width:220px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:11.5px;font-weight:500;line-height:16px;padding:2px 8px;border-radius:3px;text-decoration:none;border:1px solid transparent}
.chip.landed{background:var(--ready);color:var(--on-ready)}.chip.left{border-color:var(--open);color:var(--open-ink)}.chip.waiting{border:1px dashed var(--ghost);color:var(--ink3)}.chip.running{background:var(--transit);color:var(--on-transit)}

.gantt{display:grid;grid-template-columns:minmax(64px,max-content) minmax(0,1fr);column-gap:14px;max-width:100%}
.names{list-style:none;padding:24px 0 0;font-size:12px;color:var(--ink2);max-width:150px}.names li{height:34px;line-height:34px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.names li.thin{height:24px;line-height:24px;color:var(--ink3)}
.gantt svg{min-width:640px;width:100%}
.grid{stroke:var(--line)}.axis{font-size:11px}
.bar{fill:var(--ready);rx:2px}.bar.check{fill:var(--ready-ink)}.bar.refused{fill:url(#hatch);stroke:var(--open)}.bar.busy{rx:0}.bar.running{fill:var(--transit)}.bar.conflict{fill:var(--conflict)}.bar.interrupted{fill:none;stroke:var(--ghost);stroke-dasharray:3 2}.bar.beaten{fill:var(--lost)}.bar.beaten.check{fill:var(--ghost)}
.barname{font-size:10.5px;font-weight:500;fill:var(--on-ready)}.barname.interrupted,.barname.beaten{fill:var(--ink)}.barname.check{fill:var(--on-check)}.barname.check.beaten{fill:var(--ink)}.barname.running{fill:var(--on-transit)}
.path{stroke:var(--ink);stroke-width:1.75}.trunk{stroke:var(--ready-ink);stroke-width:1.5}.dot{fill:var(--ready-ink);stroke:var(--bg)}
.hatch{fill:var(--open)}

table{border-collapse:collapse;width:100%;font-size:12.5px}
th{font-weight:400;color:var(--ink3);font-size:11px;text-align:left;padding:0 14px 5px 0;white-space:nowrap;vertical-align:bottom}
td{padding:5px 14px 5px 0;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td:first-child{min-width:88px}
td.n,th.n{text-align:right;white-space:nowrap;overflow-wrap:normal;min-width:0}td.w{white-space:nowrap;overflow-wrap:normal}td:last-child,th:last-child{padding-right:0}
.share{width:120px;height:8px;margin-top:5px}.share rect{fill:var(--ready)}.share .all{fill:var(--raise)}

article{margin-top:14px;border:1px solid var(--line);border-radius:6px;background:var(--panel);padding:14px 18px;overflow:hidden}
article:target,article:focus{border-color:var(--ink2)}
.ahead{display:flex;justify-content:space-between;gap:4px 20px;flex-wrap:wrap;align-items:baseline}
.ahead h3{overflow-wrap:anywhere;min-width:0}.ahead h3 code{font-weight:400;color:var(--ink3);margin-right:6px}
.meta{margin-top:3px;color:var(--ink3);font-size:12px;overflow-wrap:anywhere}.meta b{color:var(--ink2);font-weight:500}
.verdicts{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:9px;font-size:12px;color:var(--ink2)}
.verdicts li{display:flex;gap:7px;align-items:center}.verdicts li::before{content:"";width:8px;height:8px;border-radius:50%;background:var(--ready-ink);flex:none}
.verdicts .bad{color:var(--open-ink)}.verdicts .bad::before{background:none;border:2px solid var(--open-ink);border-radius:0}.verdicts .unsure::before{background:none;border:1.5px dashed var(--ghost)}
details{margin-top:10px}
summary{cursor:pointer;color:var(--ink2);font-size:12px;width:fit-content;max-width:100%;padding:2px 0;overflow-wrap:anywhere}summary:hover{color:var(--ink)}
.diag{margin-top:9px;background:var(--bg);border-left:2px solid var(--open);border-radius:0 4px 4px 0;padding:9px 12px;color:var(--ink2);font:400 11.5px/1.55 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere}
.diag .at{display:block;color:var(--ink3)}.diag b{color:var(--ink);font-weight:500}.diag+.meta{margin-top:10px}.diag.plain{border-color:var(--line2)}
.rule{color:var(--open-ink);font-weight:600}
.command{display:flex;gap:10px;align-items:flex-start;justify-content:space-between;margin-top:8px;background:var(--bg);border:1px solid var(--line);border-radius:5px;padding:6px 6px 6px 12px}
.command code{overflow-wrap:anywhere;white-space:pre-wrap;padding:2px 0}
.commands{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:8px;margin-top:12px}.commands .command{margin:0}
.copy{flex:none;font-size:11px;line-height:16px;padding:2px 8px;border:1px solid var(--line2);border-radius:4px;color:var(--ink2);background:var(--panel)}.copy:hover{background:var(--raise)}
.file{margin-top:12px;border:1px solid var(--line);border-radius:5px;overflow:hidden}
.file h4{font:500 12px/1.4 var(--mono);padding:6px 12px;background:var(--raise);display:flex;justify-content:space-between;gap:12px;overflow-wrap:anywhere}.file h4 small{color:var(--ink3);white-space:nowrap;font-size:11.5px}
.gap{font:400 11px/1.4 var(--mono);color:var(--ink3);padding:3px 12px;border-top:1px solid var(--line);background:var(--bg);overflow-wrap:anywhere}
.r{display:grid;grid-template-columns:1fr 1fr}
.r>*{display:block;min-width:0;padding:0 10px 0 52px;position:relative;white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;text-decoration:none;line-height:1.6;min-height:1.6em;font-size:11.5px;font-family:var(--mono);color:var(--ink2)}
.r>*+*{border-left:1px solid var(--line)}
.r>[data-n]::before{content:attr(data-n);position:absolute;left:0;width:30px;text-align:right;color:var(--ink3);font-size:10.5px}
.r>del{background:var(--old);color:var(--ink2)}.r>ins{background:var(--new);color:var(--ink)}
.r>del::after{content:"\\2212";position:absolute;left:36px;top:0;color:var(--ink3)}.r>ins::after{content:"+";position:absolute;left:36px;top:0;color:var(--ready-ink)}
.r b{font-weight:400;border-radius:2px}.r>del b{background:var(--old-word);color:var(--ink)}.r>ins b{background:var(--new-word)}
.none{margin-top:14px;border:1px dashed var(--line2);border-radius:6px;padding:16px 18px;color:var(--ink2)}
.kv{display:grid;gap:6px;margin-top:12px}.kv div{display:grid;grid-template-columns:150px minmax(0,1fr);gap:12px}.kv dt{color:var(--ink3)}.kv dd{overflow-wrap:anywhere}
.limits{padding-left:18px;margin-top:8px;color:var(--ink2);display:grid;gap:5px;max-width:66em}
footer{margin-top:56px;padding-top:16px;border-top:1px solid var(--line);color:var(--ink3);font-size:12px;overflow-wrap:anywhere}
dialog{margin:auto;width:420px;max-width:calc(100vw - 24px);border:1px solid var(--line2);border-radius:10px;background:var(--panel);color:var(--ink);padding:22px 24px;box-shadow:0 24px 80px rgb(0 0 0/.4)}dialog::backdrop{background:rgb(5 8 10/.6)}
dialog dl{display:grid;gap:8px;margin:14px 0 18px}dialog dl div{display:grid;grid-template-columns:64px 1fr}
@media (max-width:760px){
  html{scroll-padding-top:100px}
  .top{height:auto;flex-wrap:wrap;gap:4px 12px;padding:9px 16px 7px}.top nav{order:3;flex-basis:100%;margin:0 -8px}.tools kbd,.tools [data-do=keys]{display:none}
  main{padding:22px 16px 32px}h1{font-size:22px}.lede{font-size:14px}.facts{grid-template-columns:1fr 1fr;gap:14px 16px}
  article{padding:12px 14px}.names{max-width:84px}.gantt{column-gap:8px}
  .r{grid-template-columns:1fr}.r>*{padding-left:42px}.r>*+*{border-left:0}.r>[data-n]::before{width:24px}.r>del::after,.r>ins::after{left:29px}.r>span[aria-hidden],.r>i{display:none}
  .kv div{grid-template-columns:1fr;gap:0}.wide-only{display:none}
}
@media print{
  :root,:root[data-theme]{color-scheme:light}
  body{background:#fff;font-size:11px}.top{position:static;padding:0}.top nav,.tools,.copy,.skip{display:none!important}main{max-width:none;padding:12px 0}
  article,.file,tr{break-inside:avoid}details::details-content{content-visibility:visible;height:auto}section{margin-top:26px}
  *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`;
