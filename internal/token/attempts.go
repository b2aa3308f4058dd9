package token

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"envoyd/internal/atomicfile"
)

const (
	maxAnswers   = 3           // answers from the login page in one day that did not end in a token
	maxStopped   = 8           // accounts remembered as refused
	pauseNoMore  = day         // after an answer that a quick retry cannot change
	longestPause = 2 * day     // a stored time further away was written by a wrong clock
	hashRounds   = 20_000      // a second on the smallest Pi, once per start
	ladderJitter = 0.2         // of each pause of the ladder
	firstPause   = time.Minute // see ladder
)

// ladder is how long to wait after the first, second, … failure in a row that
// says nothing about the account: an outage at Enphase has lasted for days.
var ladder = [...]time.Duration{firstPause, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}

// attempts is the record of logins on disk. It is written before a login
// begins, so that a daemon that crashes in the middle of one and is started
// again and again does not log in again and again.
type attempts struct {
	path string
}

type record struct {
	Version  int                      `json:"version"`
	Salt     string                   `json:"salt"`
	Answers  []time.Time              `json:"answers"`  // logins answered without a token to show for it, last 24 h
	Stopped  map[string]stop          `json:"stopped"`  // by account hash: refused until the configuration changes
	Gateways map[string]gatewayRecord `json:"gateways"` // by serial
}

type stop struct {
	At      time.Time `json:"at"`
	Message string    `json:"message"` // what to tell people; e-mail masked, no secret
	Mend    string    `json:"mend"`
}

type gatewayRecord struct {
	Failures     int       `json:"failures"`
	Next         time.Time `json:"next,omitzero"`          // no login before
	RefusedLogin time.Time `json:"refused_login,omitzero"` // last login made because the gateway refused the token
}

func (a *attempts) read() (record, error) {
	fresh := record{Version: 1, Stopped: map[string]stop{}, Gateways: map[string]gatewayRecord{}}
	data, err := os.ReadFile(a.path)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("reading the record of logins: %w", err)
	}
	r := fresh
	if json.Unmarshal(data, &r) != nil || r.Version != 1 {
		if err := setAside(a.path); !errors.Is(err, ErrDamaged) {
			return record{}, err
		}
		return fresh, nil
	}
	if r.Stopped == nil {
		r.Stopped = map[string]stop{}
	}
	if r.Gateways == nil {
		r.Gateways = map[string]gatewayRecord{}
	}
	return r, nil
}

func (a *attempts) update(change func(*record)) error {
	r, err := a.read()
	if err != nil {
		return err
	}
	change(&r)
	r.forget(time.Now())
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of logins: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	return atomicfile.Write(a.path, append(data, '\n'), 0o600)
}

// forget drops what no longer counts and mends times that a wrong clock wrote.
func (r *record) forget(now time.Time) {
	for serial, g := range r.Gateways {
		if tooFar(g.Next, now) {
			g.Next = now.Add(pauseNoMore)
		}
		if tooFar(g.RefusedLogin, now) {
			g.RefusedLogin = now
		}
		r.Gateways[serial] = g
	}
	r.Answers = slices.DeleteFunc(r.Answers, func(at time.Time) bool {
		return now.Sub(at) >= day || tooFar(at, now)
	})
	for len(r.Stopped) > maxStopped {
		oldest := ""
		for hash, s := range r.Stopped {
			if oldest == "" || s.At.Before(r.Stopped[oldest].At) {
				oldest = hash
			}
		}
		delete(r.Stopped, oldest)
	}
}

// uncount removes the one answer that was written down for an attempt before
// its outcome was known.
func (r *record) uncount(attempt time.Time) {
	if i := slices.IndexFunc(r.Answers, attempt.Equal); i >= 0 {
		r.Answers = slices.Delete(r.Answers, i, i+1)
	}
}

// tooFar reports whether a stored time lies further ahead than we ever plan.
func tooFar(at, now time.Time) bool { return at.Sub(now) > longestPause }

// notBefore is the earliest time for the next login for a gateway.
func (r *record) notBefore(serial string, now time.Time) time.Time {
	next := r.Gateways[serial].Next
	if quota := r.quotaEnds(now); quota.After(next) {
		return quota
	}
	return next
}

// quotaEnds is when the login page may be asked again after too many answers
// in one day; zero when it may now.
func (r *record) quotaEnds(now time.Time) time.Time {
	var recent []time.Time
	for _, at := range r.Answers {
		if now.Sub(at) < day && !tooFar(at, now) {
			recent = append(recent, at)
		}
	}
	if len(recent) < maxAnswers {
		return time.Time{}
	}
	slices.SortFunc(recent, time.Time.Compare)
	return recent[len(recent)-maxAnswers].Add(day)
}

// ladderPause is the pause after so many failures in a row, 1 or more.
func ladderPause(failures int) time.Duration {
	step := ladder[min(max(failures, 1), len(ladder))-1]
	return jitter(step)
}

func jitter(d time.Duration) time.Duration {
	factor := 1 + ladderJitter*(2*mathrand.Float64()-1)
	return time.Duration(math.Round(float64(d) * factor))
}

// accountHash names an account and its password without giving either away,
// so that a changed password is noticed after a restart.
func (f *Files) accountHash(a Account) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.attempts.read()
	if err != nil {
		return "", err
	}
	if r.Salt == "" {
		salt := make([]byte, 16)
		if _, err := rand.Read(salt); err != nil {
			return "", fmt.Errorf("making a salt: %w", err)
		}
		r.Salt = hex.EncodeToString(salt)
		if err := f.attempts.update(func(w *record) { w.Salt = r.Salt }); err != nil {
			return "", err
		}
	}
	key, err := pbkdf2.Key(sha256.New, a.Username+"\x00"+a.Password.Reveal(), []byte(r.Salt), hashRounds, 16)
	if err != nil {
		return "", fmt.Errorf("hashing the account: %w", err)
	}
	return hex.EncodeToString(key), nil
}

// readAttempts returns the record as it counts now.
func (f *Files) readAttempts(now time.Time) (record, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.attempts.read()
	if err != nil {
		return record{}, err
	}
	for _, g := range r.Gateways {
		if tooFar(g.Next, now) || tooFar(g.RefusedLogin, now) {
			if err := f.attempts.update(func(*record) {}); err != nil {
				return record{}, err
			}
			return f.attempts.read()
		}
	}
	return r, nil
}

func (f *Files) updateAttempts(change func(*record)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts.update(change)
}
