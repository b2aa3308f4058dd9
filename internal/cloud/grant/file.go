package grant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/oauth2"

	"envoyd/internal/atomicfile"
	"envoyd/internal/cloud/filelock"
	"envoyd/internal/fault"
)

const (
	accessLife  = 12 * time.Hour      // when the answer does not say how long
	refreshLife = 30 * 24 * time.Hour // of a refresh token, as Enphase says
	lockLimit   = 90 * time.Second    // the wait for another process that is refreshing
)

// stored is the grant on disk.
type stored struct {
	Version  int       `json:"version"`
	App      string    `json:"app"`
	ClientID string    `json:"client_id"`
	Access   string    `json:"access_token"`
	Refresh  string    `json:"refresh_token"`
	Previous string    `json:"previous_refresh_token,omitempty"` // in case the newer one never reached Enphase's own database
	Expires  time.Time `json:"expires"`                          // of Access
	Renewed  time.Time `json:"renewed"`
	Granted  time.Time `json:"granted"`
	Serial   int64     `json:"serial"`         // rises with each refresh
	Ended    time.Time `json:"ended,omitzero"` // when Enphase refused Refresh for good
}

// renew takes over what the token endpoint answered.
func (s *stored) renew(t *oauth2.Token, now time.Time) {
	if t.RefreshToken != s.Refresh {
		s.Previous, s.Refresh = s.Refresh, t.RefreshToken
	}
	s.Access, s.Expires = t.AccessToken, t.Expiry.UTC().Truncate(time.Second)
	if t.Expiry.IsZero() {
		s.Expires = now.Add(accessLife)
	}
	s.Renewed, s.Ended = now, time.Time{}
	s.Serial++
}

func decode(data []byte) (s stored, ok bool) {
	ok = json.Unmarshal(data, &s) == nil && s.Version == 1 && s.Refresh != ""
	return s, ok
}

// read returns the grant, ErrNoGrant without one, or what is wrong with it.
func (k *Keeper) read() (stored, error) {
	s, err := k.readFile()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unsaved == nil {
		return s, err
	}
	if err == nil && (s.Serial >= k.unsaved.Serial || s.Granted.After(k.unsaved.Granted)) {
		k.unsaved = nil // another process has got further
		return s, nil
	}
	return *k.unsaved, nil
}

// readFile reads the grant; a damaged file is set aside.
func (k *Keeper) readFile() (stored, error) {
	data, err := os.ReadFile(k.path)
	if errors.Is(err, os.ErrNotExist) {
		return stored{}, noGrant(ErrNoGrant)
	}
	if err != nil {
		return stored{}, fmt.Errorf("reading the cloud grant: %w", err)
	}
	s, ok := decode(data)
	if !ok {
		if err := os.Rename(k.path, k.path+".damaged"); err != nil {
			return stored{}, fmt.Errorf("setting the damaged cloud grant aside: %w", err)
		}
		k.log.Warn("cloud grant was damaged and set aside", "file", k.path+".damaged")
		return stored{}, noGrant(ErrNoGrant)
	}
	if s.ClientID != k.cfg.ClientID {
		return stored{}, &fault.Error{Kind: fault.Config, Op: "reading the cloud grant", Err: ErrOtherApp,
			Mend: "Set cloud.enlighten.client_id back, or run envoyd connect enlighten for the new application."}
	}
	return s, nil
}

func noGrant(why error) error {
	return &fault.Error{Kind: fault.Auth, Op: "reading the cloud grant", Err: why, Mend: "Run envoyd connect enlighten."}
}

// recover takes up what a crash left beside the file: a temporary file that
// holds a complete and newer grant was about to become the file. Only whoever
// holds the lock may look, or it would see a write under way.
func (k *Keeper) recover() {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(k.path), "."+filepath.Base(k.path)+".*"))
	if err != nil || len(left) == 0 {
		return
	}
	newest := stored{Serial: -1}
	if data, err := os.ReadFile(k.path); err == nil {
		if s, ok := decode(data); ok {
			newest = s
		}
	}
	for _, path := range left {
		data, err := os.ReadFile(path)
		s, ok := decode(data)
		if err != nil || !ok || s.Serial <= newest.Serial || newest.Serial >= 0 && !s.Granted.Equal(newest.Granted) {
			continue
		}
		if k.write(s) == nil {
			newest = s
			k.log.Info("cloud grant completed after a crash")
		}
	}
	for _, path := range left {
		_ = os.Remove(path) // it holds tokens and is of no more use
	}
}

// write puts the grant on disk; what cannot be written is kept in memory.
func (k *Keeper) write(s stored) error {
	err := save(k.path, s)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.unsaved = nil
		return nil
	}
	k.unsaved = &s
	return &fault.Error{Op: "keeping the cloud grant", Err: fmt.Errorf("%w: %w", ErrNotSaved, err),
		Mend: "Make room on the disk, or make the state folder writable. envoyd goes on with the token in memory, but a restart now would lose the access."}
}

func save(path string, s stored) error {
	data, err := json.MarshalIndent(s, "", "  ") //nolint:gosec // this file is where the tokens belong
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'), 0o600)
}

// locked runs f as the only one, in this process and in all others.
func (k *Keeper) locked(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	release, err := filelock.Take(ctx, k.path+".lock")
	if err != nil {
		return err
	}
	defer release()
	k.recover()
	return f()
}
