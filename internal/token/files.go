package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"envoyd/internal/atomicfile"
)

// ErrDamaged says that a stored file could not be read and was renamed to
// end in ".damaged"; what it held is lost, the daemon goes on without.
var ErrDamaged = errors.New("the stored file is damaged and was set aside")

const maxKept = 4 // tokens kept for one gateway: the last accepted and those before it that still live

// Files is the tokens on disk: one file per gateway under <state>/tokens,
// readable by the daemon alone, and the record of login attempts beside it.
// One Files serves the whole process; it is safe for concurrent use.
type Files struct {
	dir      string
	mu       sync.Mutex
	attempts *attempts
	login    chan struct{} // holds one element while a login is under way
}

type storedFile struct {
	Version int           `json:"version"`
	Tokens  []storedToken `json:"tokens"` // the last accepted first
}

type storedToken struct {
	Token      string    `json:"token"`
	Serial     string    `json:"serial"`
	Role       string    `json:"role"`
	IssuedAt   time.Time `json:"iat"`
	ExpiresAt  time.Time `json:"exp"`
	ObtainedAt time.Time `json:"obtained_at"`
	Method     string    `json:"method"`
}

// Open returns the tokens kept in the state folder dir. Nothing is read or
// made until it is needed.
func Open(dir string) *Files {
	return &Files{
		dir:      dir,
		attempts: &attempts{path: filepath.Join(dir, "token-attempts.json")},
		login:    make(chan struct{}, 1),
	}
}

// Load returns the tokens of a gateway, the last accepted first; none is no
// error. With an error that is ErrDamaged the file has been set aside.
func (f *Files) Load(serial string) ([]Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(serial)
}

func (f *Files) path(serial string) (string, error) {
	if !ValidSerial(serial) {
		return "", fmt.Errorf("finding a token file: a serial is twelve digits")
	}
	return filepath.Join(f.dir, "tokens", serial+".json"), nil
}

func (f *Files) load(serial string) ([]Token, error) {
	path, err := f.path(serial)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading stored tokens: %w", err)
	}
	tokens, ok := decodeTokens(data, serial)
	if !ok {
		return nil, setAside(path)
	}
	return tokens, nil
}

func decodeTokens(data []byte, serial string) (tokens []Token, ok bool) {
	var file storedFile
	if json.Unmarshal(data, &file) != nil || file.Version != 1 {
		return nil, false
	}
	for _, s := range file.Tokens {
		// The token itself is the truth; the fields beside it are for people.
		t, err := Parse(s.Token)
		if err != nil || t.Serial != serial {
			return nil, false
		}
		t.ObtainedAt, t.Method = s.ObtainedAt, s.Method
		tokens = append(tokens, t)
	}
	return tokens, true
}

// setAside renames a file that cannot be understood and returns ErrDamaged.
func setAside(path string) error {
	if err := os.Rename(path, path+".damaged"); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fmt.Errorf("%w as %s", ErrDamaged, path+".damaged")
}

// Save stores a token in front of the others of its gateway. Those stay until
// their own end, in case the gateway comes to refuse the new one.
func (f *Files) Save(t Token) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, err := f.path(t.Serial)
	if err != nil {
		return err
	}
	old, err := f.load(t.Serial)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if err := privateDir(filepath.Dir(path)); err != nil {
		return err
	}
	data, err := encodeTokens(keepLiving(t, old))
	if err != nil {
		return err
	}
	return atomicfile.Write(path, data, 0o600)
}

func keepLiving(newest Token, old []Token) []Token {
	kept := []Token{newest}
	for _, o := range old {
		same := o.Text.Reveal() == newest.Text.Reveal()
		if !same && time.Now().Before(o.ExpiresAt) && len(kept) < maxKept {
			kept = append(kept, o)
		}
	}
	return kept
}

func encodeTokens(tokens []Token) ([]byte, error) {
	file := storedFile{Version: 1}
	for _, t := range tokens {
		file.Tokens = append(file.Tokens, storedToken{
			Token: t.Text.Reveal(), Serial: t.Serial, Role: t.Role, IssuedAt: t.IssuedAt,
			ExpiresAt: t.ExpiresAt, ObtainedAt: t.ObtainedAt, Method: t.Method,
		})
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding tokens: %w", err)
	}
	return append(data, '\n'), nil
}

// privateDir makes the folder, and closes it to others if it was open.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the token folder: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder needs x
		return fmt.Errorf("closing the token folder to others: %w", err)
	}
	return nil
}
