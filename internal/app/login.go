package app

import (
	"context"
	"log/slog"

	"envoyd/internal/config"
	"envoyd/internal/entrez"
	"envoyd/internal/secret"
)

// Credentials are an Enphase login as a person types it. Nothing of it is kept.
type Credentials struct {
	Serial   string
	Email    string
	Password secret.Text
	OTP      func(ctx context.Context) (string, error) // asks for the one-time code
}

// Login fetches a token for one gateway.
func Login(ctx context.Context, cfg *config.Config, log *slog.Logger, c Credentials) (secret.Text, error) {
	client, err := entrezOf(cfg, log)
	if err != nil {
		return secret.Text{}, err
	}
	t, err := client.Fetch(ctx, entrez.Login{Email: c.Email, Password: c.Password, OTP: c.OTP}, c.Serial)
	return t.Text, err
}

// entrezOf is the way to Enphase's login.
func entrezOf(cfg *config.Config, log *slog.Logger) (*entrez.Client, error) {
	return entrez.New(entrez.Config{
		Entrez: cfg.Endpoints.Entrez, Enlighten: cfg.Endpoints.Enlighten,
		CAFile: cfg.Endpoints.CAFile, Log: log,
	})
}
