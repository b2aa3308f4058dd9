package capture

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// headerForms are the headers that pass, and what they may say. A session cookie
// is none of them.
var headerForms = map[string]*regexp.Regexp{
	"Content-Type": regexp.MustCompile(`^(?:application/json|application/xml|text/xml|text/html|text/plain|text/event-stream)` +
		`(?:; ?charset=(?i:utf-8|iso-8859-[0-9]{1,2}|us-ascii))?$`),
	"Server":      regexp.MustCompile(`^(?:openresty|nginx|lighttpd|Mongoose|GoAhead)(?:/[0-9]{1,3}(?:\.[0-9]{1,3}){1,3})?$`),
	"Retry-After": regexp.MustCompile(`^[0-9]{1,5}$`),
}

var (
	schemeForm = regexp.MustCompile(`^(?i:digest|basic)\b`)
	realmForm  = regexp.MustCompile(`(?i)\brealm="?([^",]*)"?`)
	authForm   = regexp.MustCompile(`(?i)\bqop="?auth"?`)
)

// ownRealm is the realm of every gateway.
const ownRealm = "enphaseenergy.com"

// headers returns what passes of an answer's headers.
func (s *Scrubber) headers(h http.Header) map[string]string {
	shown := map[string]string{}
	for name, form := range headerForms {
		if value := h.Get(name); form.MatchString(value) {
			shown[name] = s.keep(value)
		}
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		shown["Date"] = date.UTC().Format(time.RFC1123[:len(time.RFC1123)-len("MST")] + "GMT")
	}
	if challenge, asked := h["Www-Authenticate"]; asked {
		shown["Www-Authenticate"] = s.challenge(strings.Join(challenge, ", "))
	}
	return shown
}

// challenge writes a login's challenge anew, with a nonce of our own. One that
// cannot be read, as firmware 3.9.36 gives after a wrong password, stays
// unreadable.
func (s *Scrubber) challenge(value string) string {
	scheme := schemeForm.FindString(value)
	if scheme == "" {
		return "?"
	}
	realm := ""
	if m := realmForm.FindStringSubmatch(value); m != nil {
		realm = m[1]
	}
	if realm == ownRealm {
		s.keep(realm)
	} else {
		realm = s.replace(realm)
	}
	if !strings.EqualFold(scheme, "digest") {
		return `Basic realm="` + realm + `"`
	}
	qop := ""
	if authForm.MatchString(value) {
		qop = `qop="auth", `
	}
	return `Digest ` + qop + `realm="` + realm + `", nonce="0"`
}
