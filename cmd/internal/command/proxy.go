package command

import (
	"net/http"
	"net/url"
)

// proxyFromEnvironment is http.ProxyFromEnvironment, which goes past a site's proxy
// when its address cannot be read: then nothing may be sent.
func (c *cli) proxyFromEnvironment() (func(*http.Request) (*url.URL, error), error) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		if !isAddress(c.Getenv(name)) {
			return nil, &exitError{exitSettings, "nothing was sent: " + name + " is not the address of a proxy",
				"write it as http://HOST:PORT; a user or password in it needs %25 for % and %40 for @"}
		}
	}
	return http.ProxyFromEnvironment, nil
}

// isAddress reports whether net/http can use the address of a proxy, or there is none.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	if err == nil && u.Scheme != "" && u.Host != "" {
		return true
	}
	_, err = url.Parse("http://" + text)
	return err == nil
}
