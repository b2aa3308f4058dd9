package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"envoyd/internal/secret"
)

// place is a secret and the three ways to give it.
type place struct {
	key   string       // dotted key, also the name of the systemd credential
	value *secret.Text // given in the file
	file  string       // given in a file of its own
}

func (c *Config) secretPlaces() []place {
	e := &c.Cloud.Enlighten
	places := []place{
		{"account.password", &c.Account.Password, c.Account.PasswordFile},
		{"mqtt.password", &c.MQTT.Password, c.MQTT.PasswordFile},
		{"influx.token", &c.Influx.Token, c.Influx.TokenFile},
		{"influx.password", &c.Influx.Password, c.Influx.PasswordFile},
		{"cloud.enlighten.client_secret", &e.ClientSecret, e.ClientSecretFile},
		{"cloud.enlighten.api_key", &e.APIKey, e.APIKeyFile},
		{"cloud.enlighten.password", &e.Password, e.PasswordFile},
	}
	for i := range c.Gateways {
		g := &c.Gateways[i]
		key := "gateways." + g.Serial
		places = append(places,
			place{key + ".token", &g.Token, g.TokenFile},
			place{key + ".password", &g.Password, g.PasswordFile})
	}
	return places
}

// readSecrets fills every secret from its file or from systemd's credentials
// folder, and returns what is wrong with them. Two forms at once is an error,
// because which of them wins would be a guess.
func (c *Config) readSecrets(read func(string) ([]byte, error)) []string {
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	var faults []string
	for _, p := range c.secretPlaces() {
		var forms []string
		if !p.value.IsZero() {
			forms = append(forms, p.key)
		}
		from := ""
		if p.file != "" {
			forms = append(forms, p.key+"_file")
			from = p.file
		}
		if path, ok := credential(credentials, p.key); ok {
			forms = append(forms, "the systemd credential "+p.key)
			from = path
		}
		if len(forms) > 1 {
			faults = append(faults, fmt.Sprintf("%s: given twice (%s); keep one", p.key, strings.Join(forms, ", ")))
			continue
		}
		if from == "" {
			continue
		}
		text, err := read(from)
		if err != nil {
			faults = append(faults, fmt.Sprintf("%s_file: %s cannot be read (%v); create it or correct the path", p.key, from, plain(err)))
			continue
		}
		if *p.value = secret.New(strings.TrimSpace(string(text))); p.value.IsZero() {
			faults = append(faults, fmt.Sprintf("%s_file: %s is empty; write the secret into it", p.key, from))
		}
	}
	return faults
}

// credential looks for a systemd credential; key must not lead out of the folder.
func credential(dir, key string) (string, bool) {
	if dir == "" || key != filepath.Base(key) {
		return "", false
	}
	path := filepath.Join(dir, key)
	info, err := os.Stat(path)
	return path, err == nil && !info.IsDir()
}
