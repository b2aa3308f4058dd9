package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"envoyd/internal/config"
	"envoyd/internal/ledger"
	"envoyd/internal/store"
	"envoyd/internal/token"
	"envoyd/internal/trust"
)

// state is everything that lies in the state folder.
type state struct {
	dir    string
	book   *trust.Book
	tokens *token.Files
	store  *store.Store
	ledger *ledger.Ledger
}

// openState makes the folder and opens what is in it. Damaged files are set
// aside by their owners and reported as conditions later.
func openState(cfg *config.Config, log *slog.Logger) (*state, error) {
	dir := cfg.StateDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state folder: %w; give another one in store.path, or run as the user who may write there", err)
	}
	book, err := trust.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &state{dir: dir, book: book, tokens: token.Open(dir)}
	s.store, err = store.Open(store.Config{
		Dir:      dir,
		RAM:      os.Getenv("RUNTIME_DIRECTORY"),
		Raw:      cfg.Store.Raw.Duration,
		Minutes:  cfg.Store.Minutes.Duration,
		Quarters: cfg.Store.Quarters.Duration,
		MaxSize:  int64(cfg.Store.MaxSize),
		Log:      log,
	})
	if err != nil {
		return nil, err
	}
	s.ledger, err = ledger.Open(ledger.Config{Path: filepath.Join(dir, "ledger.json"), Log: log})
	if err != nil {
		return nil, errors.Join(err, s.store.Close())
	}
	return s, nil
}

func (s *state) close() error {
	return errors.Join(s.ledger.Save(), s.book.Save(), s.store.Close())
}
