"""The pages for people: files of one's own, share pages, the description of the API. HTML from here, no build step."""
