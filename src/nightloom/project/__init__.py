"""A folder for a user's own nights: what their files hold, and the settings that follow."""
