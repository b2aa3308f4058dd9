package web

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// contentPolicy lets the page run its own files and talk to us, nothing else;
// no text ever becomes HTML, not even by a mistake in the script.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard lets through what may be asked, by a name that is ours, and adds the
// headers that keep the page to itself.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !s.named(r.Host) {
			problem(w, http.StatusMisdirectedRequest, "this server is not called "+hostOf(r.Host)+"; add the name to http.hosts")
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			problem(w, http.StatusMethodNotAllowed, "this server only answers GET and HEAD")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// named reports whether host is one of our names. A page elsewhere that had
// its own name point here would come with that name.
func (s *Server) named(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(hostOf(host), "."))
	if name == "" {
		return false
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	if name == "localhost" || slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return true
	}
	own, err := os.Hostname()
	if err != nil {
		return false
	}
	own = strings.ToLower(own)
	short, _, _ := strings.Cut(own, ".")
	return name == own || name == short || name == short+".local"
}

func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return hostport
}
