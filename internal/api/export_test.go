package api

// Fill makes as many readers as there is room for.
func (a *API) Fill() { a.readers.Store(maxReaders) }
