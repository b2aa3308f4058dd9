package web

import (
	"net/http"
	"net/url"
)

// Visit is what became of a browser that came back from the owner's consent.
type Visit uint8

// The visits.
const (
	Closed Visit = iota // no link is open for it: nothing was done
	Taken               // the code was handed on
	Denied              // the consent page gave no code
)

// visitPages are all that such a browser is ever shown: nothing of what it
// brought along is in them.
var visitPages = map[Visit]struct {
	code        int
	title, text string
}{
	Closed: {http.StatusForbidden, "This link is not open", "It works once and for ten minutes, and only as it was printed. " +
		"Nothing was changed. Run <code>envoyd connect enlighten -browser</code> again for a new one."},
	Taken: {http.StatusOK, "envoyd has your answer", "How it goes on is told where you typed <code>envoyd connect enlighten</code>. " +
		"You can close this page."},
	Denied: {http.StatusOK, "Access was not granted", "Why is told where you typed <code>envoyd connect enlighten</code>. " +
		"Nothing was changed."},
}

// callback takes a browser that comes back from the owner's consent. It is the
// one GET that changes something, so HEAD, which a mail program or a preview
// may send, is none. The link and the state in its query decide; both are
// random, so a page elsewhere cannot make the owner's browser bring a code of
// somebody else.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet {
		h.Set("Allow", "GET")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	visit := Closed
	if q, err := url.ParseQuery(r.URL.RawQuery); err == nil {
		visit = s.cfg.Connect(q)
	}
	p := visitPages[visit]
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.code)
	_, _ = w.Write([]byte(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>envoyd</title>
<link rel="icon" type="image/svg+xml" href="/static/icon.svg">
<link rel="stylesheet" href="/static/style.css">
</head>
<body>
<header class="top"><img src="/static/icon.svg" alt="" width="36" height="36"><h1>envoyd</h1></header>
<main><section class="card">
<h2 id="visit">` + p.title + "</h2>\n<p>" + p.text + "</p>\n</section></main>\n</body>\n</html>\n")) // the browser went away
}
