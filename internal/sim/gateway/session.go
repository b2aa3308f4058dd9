package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"
)

// cookieName is the gateway's session cookie.
const cookieName = "sessionId"

// sessions are those the gateway remembers, and the tokens it was told to
// forget for ever.
type sessions struct {
	idle time.Duration

	mu      sync.Mutex
	byID    map[string]*session
	refused map[[32]byte]bool
	seen    map[[32]byte]bool
}

// session is one login. Further cookie values may stand for the same one.
type session struct {
	token [32]byte // digest of it: the gateway keeps no secret of ours
	used  time.Time
}

func newSessions(idle time.Duration) *sessions {
	if idle == 0 {
		idle = 10 * time.Minute
	}
	return &sessions{idle: idle, byID: map[string]*session{}, refused: map[[32]byte]bool{}, seen: map[[32]byte]bool{}}
}

// begin makes a session for a token that was found good.
func (s *sessions) begin(token string) string {
	id := rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[id[:32]] = &session{token: sha256.Sum256([]byte(token)), used: time.Now()}
	return id[:32]
}

// known says whether the token was not refused for ever, and remembers it.
func (s *sessions) known(token string) bool {
	sum := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[sum] = true
	return !s.refused[sum]
}

// expireTokens ends every token that was ever shown, and the sessions.
func (s *sessions) expireTokens() {
	s.mu.Lock()
	for sum := range s.seen {
		s.refused[sum] = true
	}
	s.mu.Unlock()
	s.drop()
}

// drop forgets every session.
func (s *sessions) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.byID)
}

// of finds the living session of a request: by its cookie or, unless strict,
// by a Bearer that has one.
func (s *sessions) of(r *http.Request, strict bool) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, one := range s.byID {
		if now.Sub(one.used) > s.idle {
			delete(s.byID, id)
		}
	}
	if c, err := r.Cookie(cookieName); err == nil {
		if one := s.byID[c.Value]; one != nil {
			one.used = now
			return one
		}
	}
	token, ok := bearer(r)
	if !ok || strict {
		return nil
	}
	sum := sha256.Sum256([]byte(token))
	for _, one := range s.byID {
		if one.token == sum {
			one.used = now
			return one
		}
	}
	return nil
}

// alias lets another cookie value stand for a session: recordings set one, and
// a client with a cookie jar will bring it back.
func (s *sessions) alias(one *session, header http.Header) {
	for _, line := range header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name != cookieName || one == nil {
			continue
		}
		s.mu.Lock()
		s.byID[c.Value] = one
		s.mu.Unlock()
	}
}

// bearer returns the token of a request.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
